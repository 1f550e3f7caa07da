// SPDX-License-Identifier: Apache-2.0
// Settings: the table holds together, wrong values are refused, a damaged file costs nothing but
// settings.
#include "app/library/settings.h"

#include "app/library/data_folders.h"

#include <QDir>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSet>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>

using namespace bookwheel;
using namespace Qt::StringLiterals;

class SettingsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void theTableHoldsTogether();
  void keepsWhatWasSet();
  void refusesWhatIsOutOfRange_data();
  void refusesWhatIsOutOfRange();
  void tellsOnlyRealChanges();
  void survivesADamagedFile_data();
  void survivesADamagedFile();
  void keepsKeysOfANewerVersion();
  void savesSoonAfterAChange();
  void saysWhenItCannotSave();
  void foldersFollowTheEnvironment();
};

void SettingsTest::theTableHoldsTogether() {
  QSet<QString> keys;
  int index = 0;
  for (const SettingRow& row : Settings::table()) {
    // row(setting) finds a row by its place: the table must be in the order of the enum.
    QCOMPARE(static_cast<int>(row.setting), index++);
    QVERIFY2(!keys.contains(QLatin1String(row.key)), row.key);
    keys.insert(QLatin1String(row.key));
    Settings settings{QString()};
    QVERIFY2(settings.set(row.setting, row.initial), row.key);  // the default is a value of the row
  }
  QCOMPARE(index, static_cast<int>(Setting::LastFolder) + 1);
}

void SettingsTest::keepsWhatWasSet() {
  const QTemporaryDir folder;
  const QString path = folder.filePath(u"a/b/settings.json"_s);
  {
    Settings settings(path);
    QVERIFY(settings.set(Setting::Temperature, 0.7));
    QVERIFY(settings.set(Setting::Threads, 3));
    QVERIFY(settings.set(Setting::ReadAutomatically, false));
    QVERIFY(settings.set(Setting::Theme, u"dark"_s));
    QVERIFY(settings.set(Setting::ModelFiles, QStringList{u"/ä.gguf"_s, u"/b.gguf"_s}));
  }
  Settings settings(path);
  QCOMPARE(settings.number(Setting::Temperature), 0.7);
  QCOMPARE(settings.integer(Setting::Threads), 3);
  QVERIFY(!settings.flag(Setting::ReadAutomatically));
  QCOMPARE(settings.text(Setting::Theme), u"dark"_s);
  QCOMPARE(settings.list(Setting::ModelFiles), (QStringList{u"/ä.gguf"_s, u"/b.gguf"_s}));
  settings.resetAll();
  QCOMPARE(settings.integer(Setting::Threads), 0);
  QCOMPARE(settings.list(Setting::ModelFiles), QStringList());
}

void SettingsTest::refusesWhatIsOutOfRange_data() {
  QTest::addColumn<int>("setting");
  QTest::addColumn<QVariant>("value");
  const auto row = [](const char* name, Setting setting, const QVariant& value) {
    QTest::newRow(name) << static_cast<int>(setting) << value;
  };
  row("too hot", Setting::Temperature, 5.1);
  row("below zero", Setting::Temperature, -0.1);
  row("not a number", Setting::Temperature, std::nan(""));
  row("a text", Setting::Temperature, u"0.5"_s);
  row("no tokens", Setting::MaxAnswerTokens, 0);
  row("half a thread", Setting::Threads, 1.5);
  row("a number for a flag", Setting::ReadAutomatically, 1);
  row("another word", Setting::Theme, u"blue"_s);
  row("a list with a number", Setting::ModelFiles, QVariantList{u"/a"_s, 3});
}

void SettingsTest::refusesWhatIsOutOfRange() {
  QFETCH(int, setting);
  QFETCH(QVariant, value);
  Settings settings{QString()};
  QSignalSpy changed(&settings, &Settings::changed);
  const auto which = static_cast<Setting>(setting);
  QVERIFY(!settings.set(which, value));
  QCOMPARE(settings.value(which), Settings::row(which).initial);
  QCOMPARE(changed.count(), 0);
}

void SettingsTest::tellsOnlyRealChanges() {
  Settings settings{QString()};
  QSignalSpy changed(&settings, &Settings::changed);
  settings.set(Setting::TopK, 40);  // the default
  QCOMPARE(changed.count(), 0);
  settings.set(Setting::TopK, 41);
  settings.set(Setting::TopK, 41);
  QCOMPARE(changed.count(), 1);
}

void SettingsTest::survivesADamagedFile_data() {
  QTest::addColumn<QByteArray>("bytes");
  QTest::addColumn<int>("threads");
  QTest::newRow("empty") << QByteArray() << 0;
  QTest::newRow("zeros") << QByteArray(64560, '\0') << 0;
  QTest::newRow("cut") << QByteArray("{\"model.threads\": 3") << 0;
  QTest::newRow("a list") << QByteArray("[1, 2]") << 0;
  QTest::newRow("wrong types") << QByteArray("{\"model.threads\": \"3\", \"looks.theme\": {}}")
                               << 0;
  QTest::newRow("out of range") << QByteArray("{\"model.threads\": -4}") << 0;
  QTest::newRow("one bad key of two")
      << QByteArray("{\"model.threads\": 3, \"answers.top_k\": 1e99}") << 3;
}

void SettingsTest::survivesADamagedFile() {
  QFETCH(QByteArray, bytes);
  QFETCH(int, threads);
  const QTemporaryDir folder;
  const QString path = folder.filePath(u"settings.json"_s);
  QFile file(path);
  QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size());
  file.close();
  Settings settings(path);
  QCOMPARE(settings.integer(Setting::Threads), threads);
  QCOMPARE(settings.integer(Setting::TopK), 40);
  QVERIFY(settings.set(Setting::TopK, 7));
  QCOMPARE(settings.save(), QString());
  QCOMPARE(Settings(path).integer(Setting::TopK), 7);
}

void SettingsTest::keepsKeysOfANewerVersion() {
  const QTemporaryDir folder;
  const QString path = folder.filePath(u"settings.json"_s);
  QFile file(path);
  QVERIFY(file.open(QIODevice::WriteOnly) && file.write("{\"future.key\": [1, \"x\"]}") > 0);
  file.close();
  {
    Settings settings(path);
    settings.set(Setting::Threads, 2);
  }
  QVERIFY(file.open(QIODevice::ReadOnly));
  const QJsonObject object = QJsonDocument::fromJson(file.readAll()).object();
  QVERIFY(object.contains(u"future.key"_s));
  QCOMPARE(object.value(u"model.threads"_s).toInt(), 2);
}

void SettingsTest::savesSoonAfterAChange() {
  const QTemporaryDir folder;
  const QString path = folder.filePath(u"settings.json"_s);
  Settings settings(path);
  settings.set(Setting::Threads, 2);
  QTRY_VERIFY(QFile::exists(path));  // without a quit: a crash loses half a second
  QCOMPARE(Settings(path).integer(Setting::Threads), 2);
}

void SettingsTest::saysWhenItCannotSave() {
  const QTemporaryDir folder;
  QFile blocker(folder.filePath(u"config"_s));
  QVERIFY(blocker.open(QIODevice::WriteOnly));
  Settings settings(blocker.fileName() + u"/settings.json"_s);
  QSignalSpy failed(&settings, &Settings::saveFailed);
  settings.set(Setting::Threads, 2);
  QVERIFY(settings.save().contains(blocker.fileName()));
  QTRY_COMPARE(failed.count(), 1);
  QCOMPARE(settings.integer(Setting::Threads), 2);
}

void SettingsTest::foldersFollowTheEnvironment() {
  qputenv("XDG_DATA_HOME", "/tmp/one");
  qputenv("XDG_CONFIG_HOME", "relative/is/ignored");
  qunsetenv("XDG_RUNTIME_DIR");
  const DataFolders folders = DataFolders::fromEnvironment();
  QCOMPARE(folders.data, u"/tmp/one/bookwheel"_s);
  QCOMPARE(folders.models, u"/tmp/one/bookwheel/models"_s);
  QCOMPARE(folders.config, QDir::homePath() + u"/.config/bookwheel"_s);
  QCOMPARE(folders.runtime, folders.data);
}

QTEST_GUILESS_MAIN(SettingsTest)
#include "settings_test.moc"
