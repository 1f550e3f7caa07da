// SPDX-License-Identifier: Apache-2.0
// SingleInstance: the second launch hands over, whoever died before, and whatever else connects.
#include "app/library/single_instance.h"

#include "tests/app/child_process.h"

#include <QDir>
#include <QFile>
#include <QLocalSocket>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QThread>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

using namespace bookwheel;
using namespace Qt::StringLiterals;

namespace {

DataFolders foldersIn(const QString& folder) {
  DataFolders folders;
  folders.data = folder + u"/data"_s;
  folders.runtime = folder + u"/run"_s;
  return folders;
}

}  // namespace

class SingleInstanceTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { m_folder = std::make_unique<QTemporaryDir>(); }

  void theSecondHandsItsFilesToTheFirst();
  void aKilledFirstLeavesNothingInTheWay();
  void anotherDataFolderIsAnotherProgram();
  void goesOnAloneWithoutAFolder();
  void strangersOnTheSocketDoNoHarm();
  void theSocketIsPrivate();

 private:
  QString socketPath() const {
    const QDir run(m_folder->filePath(u"run"_s));
    const QStringList names = run.entryList({u"bookwheel-*"_s}, QDir::System);
    return names.isEmpty() ? QString() : run.filePath(names.first());
  }

  std::unique_ptr<QTemporaryDir> m_folder;
};

void SingleInstanceTest::theSecondHandsItsFilesToTheFirst() {
  SingleInstance first(foldersIn(m_folder->path()));
  QCOMPARE(first.place(), SingleInstance::Place::First);
  QSignalSpy received(&first, &SingleInstance::filesReceived);
  const QStringList files{u"/books/a b.pdf"_s, u"/bücher/ö.txt"_s};
  // handOver() waits for the answer: it needs a thread of its own where both are in one process.
  bool handed = false;
  const std::unique_ptr<QThread> second(QThread::create([&] {
    SingleInstance program(foldersIn(m_folder->path()));
    handed = program.place() == SingleInstance::Place::Second && program.handOver(files);
  }));
  second->start();
  QTRY_COMPARE(received.count(), 1);
  QVERIFY(second->wait());
  QVERIFY(handed);
  QCOMPARE(received.first().first().toStringList(), files);
}

void SingleInstanceTest::aKilledFirstLeavesNothingInTheWay() {
  {
    ChildRun child({u"--hold"_s, m_folder->path()});
    QCOMPARE(child.readLines(1).value(0), QByteArray("first\n"));
    SingleInstance second(foldersIn(m_folder->path()));
    QCOMPARE(second.place(), SingleInstance::Place::Second);
    child.kill();
  }
  QVERIFY(!socketPath().isEmpty());  // the dead socket is still there
  SingleInstance next(foldersIn(m_folder->path()));
  QCOMPARE(next.place(), SingleInstance::Place::First);
  QLocalSocket socket;
  socket.connectToServer(socketPath());
  QVERIFY(socket.waitForConnected());
}

void SingleInstanceTest::anotherDataFolderIsAnotherProgram() {
  DataFolders one = foldersIn(m_folder->path());
  DataFolders other = one;
  other.data += u"2"_s;
  SingleInstance first(one);
  SingleInstance second(other);
  QCOMPARE(second.place(), SingleInstance::Place::First);
}

void SingleInstanceTest::goesOnAloneWithoutAFolder() {
  QFile blocker(m_folder->filePath(u"blocker"_s));
  QVERIFY(blocker.open(QIODevice::WriteOnly));
  SingleInstance program(foldersIn(blocker.fileName()));
  QCOMPARE(program.place(), SingleInstance::Place::Alone);
  QVERIFY(!program.handOver({}, 100));
}

void SingleInstanceTest::strangersOnTheSocketDoNoHarm() {
  SingleInstance first(foldersIn(m_folder->path()));
  QSignalSpy received(&first, &SingleInstance::filesReceived);
  const QList<QByteArray> messages = {"\n", "no json\n", "[1, null, \"relative.pdf\", {}]\n",
                                      QByteArray(1 << 20, 'x')};
  for (const QByteArray& message : messages) {
    QLocalSocket stranger;
    stranger.connectToServer(socketPath());
    QVERIFY(stranger.waitForConnected());
    stranger.write(message);
    stranger.flush();
    QTRY_COMPARE(stranger.state(), QLocalSocket::UnconnectedState);
  }
  for (const QList<QVariant>& files : received) {
    QCOMPARE(files.first().toStringList(), QStringList());  // raises the window, opens nothing
  }
  QCOMPARE(received.count(), 3);  // the endless one was cut off
}

void SingleInstanceTest::theSocketIsPrivate() {
  SingleInstance first(foldersIn(m_folder->path()));
  struct stat facts {};
  QCOMPARE(stat(qPrintable(socketPath()), &facts), 0);
  QVERIFY(S_ISSOCK(facts.st_mode));
  QCOMPARE(facts.st_mode & 077u, 0u);
}

int main(int argc, char** argv) {
  QCoreApplication application(argc, argv);
  const QStringList arguments = application.arguments();
  if (arguments.size() == 3 && arguments.at(1) == u"--hold"_s) {
    SingleInstance instance(foldersIn(arguments.at(2)));
    const QByteArray line = instance.place() == SingleInstance::Place::First ? "first\n" : "no\n";
    return write(STDOUT_FILENO, line.constData(), static_cast<size_t>(line.size())) < 0
               ? 1
               : QCoreApplication::exec();
  }
  SingleInstanceTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "single_instance_test.moc"
