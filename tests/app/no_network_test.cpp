// SPDX-License-Identifier: Apache-2.0
// Nothing leaves the computer: the programs run under strace, and every socket they open and every
// path they write is looked at.
#include "tests/support/tiny_model.h"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QProcess>
#include <QProcessEnvironment>
#include <QRegularExpression>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <memory>

using namespace Qt::StringLiterals;

namespace {

const char* const kQuestion = "Who came to the market?";

/// One system call of a strace log: its name and the text of its arguments.
struct Call {
  QString name;
  QString arguments;
};

/// A program's run under strace, in a home of its own.
class Watched {
 public:
  Watched() : m_home(QDir::tempPath() + u"/bookwheel-watch-XXXXXX"_s) {
    for (const QString& folder : {u"data"_s, u"config"_s, u"cache"_s, u"run"_s, u"tmp"_s}) {
      QDir().mkpath(path(folder));
    }
    QFile::setPermissions(path(u"run"_s), QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    QDir().mkpath(path(u"documents"_s));
  }
  ~Watched() {
    m_process.kill();
    m_process.waitForFinished();
  }

  QString path(const QString& name) const { return m_home.filePath(name); }

  QString writeDocument() const {
    const QString name = path(u"documents/market.txt"_s);
    QFile file(name);
    if (file.open(QIODevice::WriteOnly)) {
      file.write("The old miller came to the market with two sacks of flour.\n\n");
      file.write("He sold both before noon and went home along the river.\n");
    }
    return name;
  }

  QString writeModel() const {
    const QString name = path(u"documents/tiny.gguf"_s);
    bookwheel::tinyModel().write(name.toStdString());
    return name;
  }

  void start(const QString& program, const QStringList& arguments) {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(u"HOME"_s, m_home.path());
    environment.insert(u"XDG_DATA_HOME"_s, path(u"data"_s));
    environment.insert(u"XDG_CONFIG_HOME"_s, path(u"config"_s));
    environment.insert(u"XDG_CACHE_HOME"_s, path(u"cache"_s));
    environment.insert(u"XDG_RUNTIME_DIR"_s, path(u"run"_s));
    environment.insert(u"TMPDIR"_s, path(u"tmp"_s));
    environment.insert(u"QT_QPA_PLATFORM"_s, u"offscreen"_s);
    // The leak check cannot run while another process traces this one.
    environment.insert(u"ASAN_OPTIONS"_s, u"detect_leaks=0"_s);
    environment.remove(u"BOOKWHEEL_MODELS"_s);
    environment.remove(u"DISPLAY"_s);
    environment.remove(u"WAYLAND_DISPLAY"_s);
    m_process.setProcessEnvironment(environment);
    m_process.setProcessChannelMode(QProcess::SeparateChannels);
    // -y names the file behind a descriptor: relative paths can be resolved.
    m_process.start(u"strace"_s, QStringList{u"-f"_s, u"-qq"_s, u"-y"_s, u"-s"_s, u"4096"_s,
                                             u"-e"_s, u"signal=none"_s, u"-e"_s,
                                             u"trace=%file,%network"_s, u"-o"_s, log(), program} +
                                     arguments);
  }

  bool finish() { return m_process.waitForFinished(120000); }

  /// Ends the program itself, as a session's end does; strace ends with it.
  void terminate() {
    QFile file(log());
    if (file.open(QIODevice::ReadOnly)) {
      const QByteArray pid = file.readLine().split(' ').value(0);
      ::kill(static_cast<pid_t>(pid.toInt()), SIGTERM);
    }
  }

  QString output() { return QString::fromUtf8(m_process.readAllStandardOutput()); }
  QString errors() { return QString::fromUtf8(m_process.readAllStandardError()); }

  QList<Call> calls() const {
    static const QRegularExpression line(u"^\\d+\\s+(\\w+)\\((.*)$"_s);
    QList<Call> found;
    QFile file(log());
    if (file.open(QIODevice::ReadOnly)) {
      while (!file.atEnd()) {
        const auto match = line.match(QString::fromUtf8(file.readLine()).trimmed());
        if (match.hasMatch()) {
          found.append({match.captured(1), match.captured(2)});
        }
      }
    }
    return found;
  }

  /// Sockets that could reach another machine, or tell who is asking: all but local ones.
  QStringList foreignSockets() const {
    QStringList found;
    for (const Call& call : calls()) {
      if ((call.name == u"socket"_s || call.name == u"socketpair"_s) &&
          !call.arguments.startsWith(u"AF_UNIX"_s)) {
        found.append(call.name + u'(' + call.arguments);
      }
    }
    return found;
  }

  /// Paths that were written, made, renamed, removed or changed outside the folders named.
  QStringList foreignWrites(const QStringList& folders) const {
    QStringList found;
    for (const Call& call : calls()) {
      if (!writes(call)) {
        continue;
      }
      for (const QString& written : pathsOf(call)) {
        const bool allowed =
            written == u"/dev/null"_s || written == u"/dev/tty"_s ||
            std::any_of(folders.begin(), folders.end(), [&](const QString& folder) {
              return written == path(folder) || written.startsWith(path(folder) + u'/');
            });
        if (!allowed) {
          found.append(call.name + u'(' + call.arguments);
        }
      }
    }
    return found;
  }

 private:
  QString log() const { return path(u"strace.log"_s); }

  static bool writes(const Call& call) {
    static const QRegularExpression open(u"^(open|openat|openat2)$"_s);
    static const QRegularExpression writing(u"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE"_s);
    static const QRegularExpression changing(
        u"^(creat|mkdir|mkdirat|mknod|mknodat|rename|renameat|renameat2|unlink|unlinkat|rmdir|link|"
        "linkat|symlink|symlinkat|truncate|chmod|fchmodat|chown|lchown|fchownat|utime|utimes|"
        "utimensat|futimesat|setxattr|lsetxattr|removexattr|lremovexattr)$"_s);
    return (open.match(call.name).hasMatch() && call.arguments.contains(writing)) ||
           changing.match(call.name).hasMatch();
  }

  /// Absolute paths among the arguments; a relative one belongs to the descriptor before it, or to
  /// the folder this test runs in.
  static QStringList pathsOf(const Call& call) {
    static const QRegularExpression argument(u"(?:<([^>\"]*)>, )?\"((?:[^\"\\\\]|\\\\.)*)\""_s);
    QStringList found;
    auto matches = argument.globalMatch(call.arguments);
    while (matches.hasNext()) {
      const auto match = matches.next();
      const QString base = match.captured(1).isEmpty() ? QDir::currentPath() : match.captured(1);
      found.append(QDir::cleanPath(QDir(base).filePath(match.captured(2))));
    }
    // What a link points at is not touched; what it is called is.
    if (call.name.contains(u"link"_s) && !call.name.startsWith(u"unlink"_s)) {
      return found.mid(found.size() - 1);
    }
    return found;
  }

  QTemporaryDir m_home;
  QProcess m_process;
};

/// What this program does as a child to prove that the watch sees it.
int breakBothRules(const char* file) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  ::close(socket);
  QFile written(QString::fromLocal8Bit(file));
  return written.open(QIODevice::WriteOnly) ? 0 : 1;
}

}  // namespace

class NoNetworkTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    QProcess probe;
    probe.start(u"strace"_s, {u"-qq"_s, u"-o"_s, u"/dev/null"_s, u"true"_s});
    if (!probe.waitForFinished(30000) || probe.exitStatus() != QProcess::NormalExit ||
        probe.exitCode() != 0) {
      QSKIP("strace is missing or may not trace here, so nothing can be watched.");
    }
  }

  void theWatchSeesBrokenRules() {
    Watched run;
    run.start(QCoreApplication::applicationFilePath(),
              {u"--break-rules"_s, run.path(u"documents/written"_s)});
    QVERIFY(run.finish());
    QCOMPARE(run.foreignSockets().size(), 1);
    QCOMPARE(run.foreignWrites({u"data"_s, u"tmp"_s}).size(), 1);
  }

  void askInTheTerminal() {
    Watched run;
    run.start(qEnvironmentVariable("BOOKWHEEL_CLI"),
              {u"ask"_s, u"--model"_s, run.writeModel(), u"--document"_s, run.writeDocument(),
               u"--max-tokens"_s, u"8"_s, u"--json"_s, QLatin1String(kQuestion)});
    QVERIFY2(run.finish(), qPrintable(run.errors()));
    QVERIFY2(run.output().contains(u"\"answerTokens\""_s), qPrintable(run.errors()));
    QVERIFY(run.calls().size() > 100);
    QVERIFY2(run.foreignSockets().isEmpty(), qPrintable(run.foreignSockets().join(u'\n')));
    // A question in the terminal keeps nothing.
    const QStringList foreign = run.foreignWrites({u"tmp"_s, u"run"_s});
    QVERIFY2(foreign.isEmpty(), qPrintable(foreign.join(u'\n')));
  }

  void readInTheWindow() {
    Watched run;
    run.start(qEnvironmentVariable("BOOKWHEEL_WINDOW"),
              {u"--model"_s, run.writeModel(), run.writeDocument()});
    // The book is kept: the window is up, the helper has run, the library is written.
    QTRY_VERIFY2_WITH_TIMEOUT(!QDir(run.path(u"data/bookwheel/texts"_s))
                                   .isEmpty(QDir::Files | QDir::Dirs | QDir::NoDotAndDotDot),
                              qPrintable(run.errors()), 60000);
    run.terminate();
    QVERIFY(run.finish());
    QVERIFY(run.calls().size() > 100);
    QVERIFY2(run.foreignSockets().isEmpty(), qPrintable(run.foreignSockets().join(u'\n')));
    const QStringList foreign = run.foreignWrites(
        {u"data/bookwheel"_s, u"config/bookwheel"_s, u"cache"_s, u"run"_s, u"tmp"_s});
    QVERIFY2(foreign.isEmpty(), qPrintable(foreign.join(u'\n')));
  }
};

int main(int argc, char** argv) {
  if (argc == 3 && qstrcmp(argv[1], "--break-rules") == 0) {
    return breakBothRules(argv[2]);
  }
  QCoreApplication application(argc, argv);
  NoNetworkTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "no_network_test.moc"
