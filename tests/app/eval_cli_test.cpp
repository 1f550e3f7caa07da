// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli eval and the cache switches, through the program with a tiny model.
#include "tests/support/tiny_model.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

using namespace bookwheel;

namespace {

struct Run {
  int exitCode;
  QByteArray output;
  QByteArray errors;

  QList<QJsonObject> lines() const {
    QList<QJsonObject> objects;
    for (const QByteArray& line : output.split('\n')) {
      if (!line.isEmpty()) {
        objects.append(QJsonDocument::fromJson(line).object());
      }
    }
    return objects;
  }
  QJsonObject json() const { return QJsonDocument::fromJson(output).object(); }
};

// Sentences that differ, as long as the tests need.
QByteArray prose(int sentences) {
  QByteArray text;
  for (int i = 0; i < sentences; ++i) {
    text += "In the year " + QByteArray::number(1700 + 7 * i % 300) + " the keeper of house " +
            QByteArray::number(i * i % 89) + " wrote a letter to his sister.\n";
    text += i % 3 == 2 ? "\n" : "";
  }
  return text;
}

}  // namespace

class EvalCliTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_folder;

  QString path(const char* name) const { return m_folder.filePath(QString::fromUtf8(name)); }
  void write(const char* name, const QByteArray& bytes) const {
    QFile file(path(name));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size());
  }
  QByteArray contentOf(const char* name) const {
    QFile file(path(name));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
  }

  // A leading @ in an argument stands for the folder of the files.
  Run run(const char* arguments) const {
    QStringList list = QString::fromUtf8(arguments).split(u' ');
    for (QString& argument : list) {
      argument.replace(QStringLiteral("@"), m_folder.path() + QLatin1Char('/'));
    }
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("XDG_DATA_HOME"), m_folder.path());
    QProcess process;
    process.setProcessEnvironment(environment);
    process.start(qEnvironmentVariable("BOOKWHEEL_CLI"), list);
    if (!process.waitForFinished(120'000) || process.exitStatus() != QProcess::NormalExit) {
      qFatal("bookwheel-cli %s did not end by itself", arguments);
    }
    return {process.exitCode(), process.readAllStandardOutput(), process.readAllStandardError()};
  }

 private Q_SLOTS:
  void initTestCase() {
    QVERIFY2(!qEnvironmentVariable("BOOKWHEEL_CLI").isEmpty(), "ctest sets BOOKWHEEL_CLI");
    QDir(m_folder.path()).mkpath(QStringLiteral("bookwheel/models"));
    TinyModelOptions options;
    options.contextTokens = 8192;
    tinyModel(options).write(path("bookwheel/models/tiny.gguf").toStdString());
    write("text.txt", prose(120));
    write("other.txt", prose(140).mid(3000));
  }

  // ---- eval kl ----

  void klOfTheExactCacheIsZero() {
    const Run result =
        run("eval kl @text.txt --model tiny --tokens 1000 --positions 40 --exact --json");
    QVERIFY2(result.exitCode == 0, result.errors.constData());
    const QJsonObject json = result.json();
    for (const char* key :
         {"meanKl", "klInterval", "p999Kl", "sameTop1", "deltaPerplexity", "bitsPerElement",
          "positions", "activations", "hitRate", "speculativeAccuracy"}) {
      QVERIFY2(json.contains(QLatin1String(key)), key);
    }
    // The same operations on the same numbers.
    QCOMPARE(json.value(u"meanKl").toDouble(), 0.0);
    QCOMPARE(json.value(u"sameTop1").toDouble(), 1.0);
    QCOMPARE(json.value(u"deltaPerplexity").toDouble(), 0.0);
    QCOMPARE(json.value(u"bitsPerElement").toDouble(), 16.0);
    QCOMPARE(json.value(u"positions").toInt(), 40);
    QVERIFY(json.value(u"hitRate").isNull());
  }

  void morePairsAndMoreBitsAreNearer() {
    const auto klOf = [&](const char* cache) {
      const QByteArray arguments =
          QByteArray("eval kl @text.txt --model tiny --tokens 1000 --positions 40 --json ") + cache;
      const Run result = run(arguments);
      if (result.exitCode != 0) {
        qFatal("%s: %s", cache, result.errors.constData());
      }
      return result.json();
    };
    const QJsonObject alone = klOf("--bits k1v1 --k 0");
    const QJsonObject pairs = klOf("--bits k1v1 --k 128");
    const QJsonObject all = klOf("--bits k1v1 --k all");
    const QJsonObject four = klOf("--bits k4v4 --k 0");
    const auto kl = [](const QJsonObject& json) { return json.value(u"meanKl").toDouble(); };
    QVERIFY(kl(alone) > 0);
    QVERIFY2(kl(pairs) < kl(alone) / 2, qPrintable(QString::number(kl(pairs))));
    QVERIFY2(kl(four) < kl(alone) / 2, qPrintable(QString::number(kl(four))));
    // Every pair is read exactly; only the order of the additions differs from the exact cache.
    QVERIFY2(kl(all) < 1e-6, qPrintable(QString::number(kl(all))));
    QVERIFY(pairs.value(u"bitsPerElement").toDouble() < 16);
    QVERIFY(alone.value(u"bitsPerElement").toDouble() < pairs.value(u"bitsPerElement").toDouble());
    const double hitRate = pairs.value(u"hitRate").toDouble(-1);
    QVERIFY(hitRate >= 0 && hitRate <= 1);
    QCOMPARE(pairs.value(u"cache").toObject().value(u"k").toInt(), 128);
  }

  void badRequests_data() {
    QTest::addColumn<QByteArray>("arguments");
    QTest::addColumn<int>("exitCode");
    QTest::addColumn<QByteArray>("says");
    const auto row = [](const char* arguments, int exitCode, const char* says) {
      QTest::newRow(arguments) << QByteArray(arguments) << exitCode << QByteArray(says);
    };
    row("eval kl @text.txt --model tiny --tokens 100000", 3, "8,192");
    row("eval kl @text.txt --model tiny --tokens 8000", 1, "text.txt");
    row("eval kl @text.txt --model tiny --tokens 100", 2, "--positions");
    row("eval kl @nothing.txt --model tiny --tokens 1000", 1, "nothing.txt");
    row("eval kl @text.txt --model tiny --tokens 1000 --exact --bits k2v2", 2, "--exact");
    row("eval grid @text.txt --model tiny --tokens 1000 --bits k9v9", 2, "k9v9");
    row("eval grid @text.txt --model tiny --policy none", 2, "corrected");
    row("eval grid", 2, "--save");
    row("eval grid @text.txt --tokens 1000", 2, "--model");
    row("eval needle @text.txt --model tiny --kinds pin", 2, "single");
    row("eval needle @text.txt --model tiny --questions 21", 2, "20");
    row("eval needle @text.txt --model tiny --tokens 100", 2, "needles alone");
    row("eval needle @text.txt --model tiny --tokens 9000 --questions 1 --kinds single", 1,
        "text.txt");
    row("eval extract @text.txt --model tiny --tokens 100", 2, "table alone");
    row("eval drift @text.txt --model tiny --also k2v2", 2, "k2v2");
    row("eval longbench @text.txt --model tiny", 1, "Line 1");
    row("ask --model tiny --paper --correct on Who?", 2, "--paper");
    row("bench --model tiny --k 0 --predictor both", 2, "--k 0");
  }
  void badRequests() {
    QFETCH(QByteArray, arguments);
    QFETCH(int, exitCode);
    QFETCH(QByteArray, says);
    const Run result = run(arguments);
    QVERIFY2(result.exitCode == exitCode, result.errors.constData());
    QCOMPARE(result.output, QByteArray());
    QCOMPARE(result.errors.count('\n'), 1);
    QVERIFY2(result.errors.contains(says), result.errors.constData());
  }

  // ---- eval grid ----

  void gridMeasuresEachSettingOnce() {
    const char* const command =
        "eval grid @text.txt @other.txt --model tiny --tokens 700 --positions 20 --bits k2v2,k1v1 "
        "--k 0,64 --policy corrected --save @lines.jsonl --write @report.md";
    const Run first = run(command);
    QVERIFY2(first.exitCode == 0, first.errors.constData());
    QCOMPARE(first.lines().size(), 8);  // 2 texts, 2 copies, 2 k
    QCOMPARE(first.lines().front().value(u"model").toString(), QStringLiteral("tiny"));
    QCOMPARE(contentOf("lines.jsonl"), first.output);
    const QByteArray report = contentOf("report.md");
    QVERIFY(report.contains("| copy | policy | k | bits | text | other |"));
    QVERIFY(report.contains("(report-kl.svg)"));
    QVERIFY(contentOf("report-kl.svg").startsWith("<svg "));

    // All is known: nothing is measured, the tables are the same.
    const Run second = run(command);
    QVERIFY2(second.exitCode == 0, second.errors.constData());
    QCOMPARE(second.output, QByteArray());
    QCOMPARE(contentOf("report.md"), report);

    write("report.md", "# A page without a place for tables\n");
    const Run refused = run("eval grid --save @lines.jsonl --write @report.md");
    QCOMPARE(refused.exitCode, 1);
    QCOMPARE(contentOf("report.md"), QByteArray("# A page without a place for tables\n"));
  }

  // ---- Tasks ----

  void needle() {
    const Run result =
        run("eval needle @text.txt --model tiny --tokens 1500 --questions 2 --depths 0.2,0.8 "
            "--texts 2 --kinds single,uuid --bits k2v2 --k 64 --also k1v1:0 --json");
    QVERIFY2(result.exitCode == 0, result.errors.constData());
    const QList<QJsonObject> lines = result.lines();
    QCOMPARE(lines.size(), 6);  // 3 caches with the exact one, 2 kinds
    for (const QJsonObject& line : lines) {
      QCOMPARE(line.value(u"task").toString(), QStringLiteral("needle"));
      QCOMPARE(line.value(u"questions").toInt(), 4);
      QCOMPARE(line.value(u"byDepth").toArray().size(), 2);
      const double score = line.value(u"score").toDouble(-1);
      QVERIFY(score >= 0 && score <= 1);
    }
    QCOMPARE(lines[0].value(u"cache").toObject().value(u"policy").toString(),
             QStringLiteral("exact"));
    QCOMPARE(lines[0].value(u"score"), lines[0].value(u"exactScore"));
  }

  void extractAndDrift() {
    const Run table =
        run("eval extract @text.txt --model tiny --tokens 1500 --rows 3 --texts 1 --json");
    QVERIFY2(table.exitCode == 0, table.errors.constData());
    QCOMPARE(table.lines().size(), 2);
    QCOMPARE(table.lines()[0].value(u"sameAsExact").toInt(), 1);

    const Run drift = run(
        "eval drift @text.txt --model tiny --tokens 1000 --answer 40 --bits k1v1 --k all --also "
        "k1v1:0 --json");
    QVERIFY2(drift.exitCode == 0, drift.errors.constData());
    const QList<QJsonObject> lines = drift.lines();
    QCOMPARE(lines.size(), 2);
    // With all pairs the greedy answer is the exact cache's.
    QCOMPARE(lines[0].value(u"sameTokens"), lines[0].value(u"answerTokens"));
    QVERIFY(lines[0].value(u"divergesAt").isNull());
    QVERIFY(lines[0].value(u"meanKl").toDouble() < 1e-6);
    QVERIFY(lines[1].value(u"meanKl").toDouble() > lines[0].value(u"meanKl").toDouble());
    QCOMPARE(lines[1].value(u"klAlong").toArray().size(), 8);
  }

  void longBench() {
    // The public files' format: every key they have, one data set a file or mixed.
    QByteArray content =
        "{'input':'Who wrote?','context':'The keeper wrote a letter.','answers':['the keeper'],"
        "'length':5,'dataset':'hotpotqa','language':'en','all_classes':null,'_id':'a1'}\n"
        "{'input':'Type:','context':'Question: Where?\\nType: "
        "Place','answers':['Place'],'length':4,"
        "'dataset':'trec','language':'en','all_classes':['Place','Time'],'_id':'b2'}\n"
        "{'input':'','context':'LONG','answers':['x'],'length':9000,'dataset':'trec',"
        "'language':'en','all_classes':['x'],'_id':'b3'}\n";
    content.replace('\'', '"').replace("LONG", QByteArray("long ").repeated(9000));
    write("bench.jsonl", content);
    const Run result = run("eval longbench @bench.jsonl --model tiny --bits k2v2 --k all --json");
    QVERIFY2(result.exitCode == 0, result.errors.constData());
    const QList<QJsonObject> lines = result.lines();
    QCOMPARE(lines.size(), 4);  // 2 data sets, the exact cache and one more
    QCOMPARE(lines[0].value(u"dataset").toString(), QStringLiteral("hotpotqa"));
    QCOMPARE(lines[0].value(u"examples").toInt(), 1);
    QCOMPARE(lines[2].value(u"dataset").toString(), QStringLiteral("trec"));
    QCOMPARE(lines[2].value(u"tooLong").toInt(), 1);  // counted, never cut
    QCOMPARE(lines[3].value(u"score"), lines[2].value(u"score"));

    write("prompts.json", "{\"hotpotqa\": \"{context} {input}\"}");
    QCOMPARE(
        run("eval longbench @bench.jsonl --model tiny --limit 1 --prompts @prompts.json").exitCode,
        0);
    QCOMPARE(run("eval longbench @bench.jsonl --model tiny --prompts @text.txt").exitCode, 1);
  }

  // ---- The switches on other commands ----

  void askAndBenchReportTheCache() {
    const Run exact = run("ask --model tiny --document @text.txt --max-tokens 6 --json Who?");
    QVERIFY2(exact.exitCode == 0, exact.errors.constData());
    const QJsonObject plain = exact.json().value(u"stats").toObject();
    QCOMPARE(plain.value(u"compressionRatio").toDouble(), 1.0);
    const Run copy =
        run("ask --model tiny --document @text.txt --max-tokens 6 --bits k1v1 --k 16 --json Who?");
    QVERIFY2(copy.exitCode == 0, copy.errors.constData());
    const QJsonObject stats = copy.json().value(u"stats").toObject();
    QVERIFY(stats.value(u"compressionRatio").toDouble() > 1);
    QVERIFY(stats.value(u"fastBytes").toInteger() > 0);
    QVERIFY(stats.value(u"fastBytes").toInteger() < plain.value(u"fastBytes").toInteger());
    QVERIFY(stats.value(u"hitRate").isDouble());

    const Run bench =
        run("bench --model tiny --prefill 0 --decode 4 --depth 1024 --repeat 1 --bits k2v2 --json");
    QVERIFY2(bench.exitCode == 0, bench.errors.constData());
    const QJsonObject line = bench.json();
    QCOMPARE(line.value(u"bits").toObject().value(u"keys").toInt(), 2);
    QCOMPARE(line.value(u"k").toInt(), 256);
    QVERIFY(line.value(u"fastBytes").toInteger() < line.value(u"capacityBytes").toInteger());
  }

  void everySubcommandHasHelpWithAnExample() {
    for (const char* command : {"kl", "grid", "needle", "extract", "drift", "longbench"}) {
      const Run help = run(QByteArray("eval ") + command + " --help");
      QCOMPARE(help.exitCode, 0);
      QVERIFY2(help.output.contains("Example:\n"), command);
    }
    QCOMPARE(run("eval").exitCode, 2);
  }
};

QTEST_GUILESS_MAIN(EvalCliTest)
#include "eval_cli_test.moc"
