// SPDX-License-Identifier: Apache-2.0
// `cmake --install`: every file is where the desktop looks for it, and the installed programs run
// and find each other.
#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QProcess>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

using namespace Qt::StringLiterals;

namespace {

struct Run {
  int exitCode = -1;  // -1: it crashed or did not end
  QString output;     // of both channels
};

}  // namespace

class InstallTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_folder;

  QString prefix() const { return m_folder.filePath(u"usr"_s); }
  QString installed(const QString& file) const { return prefix() + u'/' + file; }

  /// Runs a program with folders of its own and nothing that names the build.
  Run run(const QString& program, const QStringList& arguments) const {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const char* name : {"BOOKWHEEL_IMPORT", "BOOKWHEEL_BUILD", "DESTDIR"}) {
      environment.remove(QString::fromLatin1(name));
    }
    for (const char* name : {"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"}) {
      environment.insert(QString::fromLatin1(name), m_folder.filePath(u"home"_s));
    }
    QProcess process;
    process.setProcessEnvironment(environment);
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.setWorkingDirectory(m_folder.path());
    process.start(program, arguments);
    Run result;
    if (process.waitForFinished(120'000) && process.exitStatus() == QProcess::NormalExit) {
      result.exitCode = process.exitCode();
    }
    result.output = QString::fromUtf8(process.readAll());
    return result;
  }

 private Q_SLOTS:
  void initTestCase() {
    const QString build = qEnvironmentVariable("BOOKWHEEL_BUILD");
    QVERIFY2(!build.isEmpty(), "ctest sets BOOKWHEEL_BUILD and BOOKWHEEL_CMAKE");
    QVERIFY(QDir(m_folder.path()).mkdir(u"home"_s));
    QVERIFY(QFile::setPermissions(m_folder.filePath(u"home"_s),
                                  QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner));
    const Run result = run(qEnvironmentVariable("BOOKWHEEL_CMAKE"),
                           {u"--install"_s, build, u"--prefix"_s, prefix()});
    QVERIFY2(result.exitCode == 0, qPrintable(result.output));
  }

  void putsEachFileInItsPlace() {
    QStringList files;
    QDirIterator all(prefix(), QDir::Files, QDirIterator::Subdirectories);
    while (all.hasNext()) {
      files.append(QDir(prefix()).relativeFilePath(all.next()));
    }
    files.sort();
    QCOMPARE(files, (QStringList{
                        u"bin/bookwheel"_s,
                        u"bin/bookwheel-cli"_s,
                        u"libexec/bookwheel/bookwheel-import"_s,
                        u"share/applications/bookwheel.desktop"_s,
                        u"share/bookwheel/sample/pride-and-prejudice.txt"_s,
                        u"share/bookwheel/sample/sample.md"_s,
                        u"share/doc/bookwheel/LICENSE"_s,
                        u"share/doc/bookwheel/OFL.txt"_s,
                        u"share/icons/hicolor/scalable/apps/bookwheel.svg"_s,
                        u"share/metainfo/org.bookwheel.Bookwheel.metainfo.xml"_s,
                    }));
  }

  /// What the desktop file names is there: the program, the icon; and the metainfo names it.
  void namesWhatIsThere() {
    const QSettings entry(installed(u"share/applications/bookwheel.desktop"_s),
                          QSettings::IniFormat);
    const QString program = entry.value(u"Desktop Entry/Exec"_s).toString().section(u' ', 0, 0);
    QVERIFY(QFile::exists(installed(u"bin/"_s + program)));
    const QString icon = entry.value(u"Desktop Entry/Icon"_s).toString();
    QVERIFY(QFile::exists(installed(u"share/icons/hicolor/scalable/apps/%1.svg"_s.arg(icon))));
    const QString metainfo = installed(u"share/metainfo/org.bookwheel.Bookwheel.metainfo.xml"_s);
    QFile file(metainfo);
    QVERIFY(file.open(QIODevice::ReadOnly));
    QVERIFY(file.readAll().contains("<launchable type=\"desktop-id\">bookwheel.desktop<"));
    const QString check = QStandardPaths::findExecutable(u"appstreamcli"_s);
    if (check.isEmpty()) {
      QSKIP("appstreamcli is not installed: the metainfo file is not validated");
    }
    const Run result = run(check, {u"validate"_s, u"--no-net"_s, metainfo});
    QVERIFY2(result.exitCode == 0, qPrintable(result.output));
  }

  void theTerminalReadsTheSample() {
    const Run result = run(installed(u"bin/bookwheel-cli"_s),
                           {u"document"_s, installed(u"share/bookwheel/sample/sample.md"_s)});
    QVERIFY2(result.exitCode == 0, qPrintable(result.output));
    QVERIFY2(result.output.contains(u"Pride and Prejudice"_s), qPrintable(result.output));
  }

  void theWindowFindsItsParts() {
    const Run result = run(installed(u"bin/bookwheel"_s), {u"--self-test"_s});
    QVERIFY2(result.exitCode == 0, qPrintable(result.output));
    const QString helper = installed(u"libexec/bookwheel/bookwheel-import"_s);
    QVERIFY2(result.output.contains(QFileInfo(helper).canonicalFilePath()),
             qPrintable(result.output));
  }
};

QTEST_GUILESS_MAIN(InstallTest)
#include "install_test.moc"
