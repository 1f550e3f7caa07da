// SPDX-License-Identifier: Apache-2.0
// bookwheel-cli: keys and exit codes of each command, and one clear sentence for every bad input.
#include "tests/support/tiny_model.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <csignal>

using namespace bookwheel;

namespace {

struct Run {
  int exitCode;
  QByteArray output;
  QByteArray errors;

  QJsonObject json() const { return QJsonDocument::fromJson(output).object(); }
  QList<QJsonObject> jsonLines() const {
    QList<QJsonObject> objects;
    for (const QByteArray& line : output.split('\n')) {
      if (!line.isEmpty()) {
        objects.append(QJsonDocument::fromJson(line).object());
      }
    }
    return objects;
  }
};

// The files of the tests: a home with a model folder, texts, and model files that are none.
class Files {
 public:
  Files() {
    const QDir home(m_folder.path());
    home.mkpath(QStringLiteral("bookwheel/models"));
    const GgufDraft draft = tinyModel();
    draft.write(path("bookwheel/models/tiny.gguf").toStdString());
    TinyModelOptions shortContext;
    shortContext.contextTokens = 64;
    tinyModel(shortContext).write(path("bookwheel/models/short.gguf").toStdString());
    TinyModelOptions longContext;
    longContext.contextTokens = 131072;
    tinyModel(longContext).write(path("bookwheel/models/long.gguf").toStdString());

    const std::vector<std::byte> bytes = draft.bytes();
    const QByteArray whole(reinterpret_cast<const char*>(bytes.data()),
                           static_cast<qsizetype>(bytes.size()));
    write("cut.gguf", whole.first(whole.size() / 2));
    write("stub.gguf", whole.first(10));
    write("empty.gguf", {});
    write("picture.gguf", QByteArray("\x89PNG\r\n\x1a\n", 8) + QByteArray(5000, 'x'));
    QByteArray strange = whole;
    strange.replace("llama", "gpt99");
    write("strange.gguf", strange);

    write("text.txt", "It is a truth universally acknowledged.\n\nSo it is.\n");
    write("empty.txt", {});
    write("binary.txt", QByteArray(4000, '\0') + QByteArray("\xff\xfe\x01\x02", 4));
    write("long.txt", QByteArray("All work and no play makes Jack a dull boy. ").repeated(100));
    write("questions.txt", "Who?\n\nWhere?\nWhen?\n");
    write("blank.txt", "\n  \n");
  }

  QString path(const char* name) const { return m_folder.filePath(QString::fromUtf8(name)); }
  QString home() const { return m_folder.path(); }

 private:
  void write(const char* name, const QByteArray& bytes) const {
    QFile file(path(name));
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size()) {
      qFatal("cannot write %s", name);
    }
  }

  QTemporaryDir m_folder;
};

}  // namespace

class CliTest : public QObject {
  Q_OBJECT

 private:
  Files m_files;

  void prepare(QProcess& process, QStringList arguments) const {
    for (QString& argument : arguments) {
      argument.replace(QStringLiteral("@"), m_files.home() + QLatin1Char('/'));
    }
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("XDG_DATA_HOME"), m_files.home());
    process.setProcessEnvironment(environment);
    process.setProgram(qEnvironmentVariable("BOOKWHEEL_CLI"));
    process.setArguments(arguments);
  }

  // A leading @ in an argument stands for the folder of the files.
  Run run(const QStringList& arguments, const QByteArray& input = {}) const {
    QProcess process;
    prepare(process, arguments);
    process.start();
    process.write(input);
    process.closeWriteChannel();
    if (!process.waitForFinished(60'000) || process.exitStatus() != QProcess::NormalExit) {
      qFatal("bookwheel-cli %s did not end by itself", qPrintable(arguments.join(u' ')));
    }
    return {process.exitCode(), process.readAllStandardOutput(), process.readAllStandardError()};
  }
  Run run(const char* arguments, const QByteArray& input = {}) const {
    return run(QString::fromUtf8(arguments).split(u' '), input);
  }

  static void interrupt(const QProcess& process) {
    const auto id = static_cast<pid_t>(process.processId());
    QVERIFY2(id > 0, "it ended before it could be interrupted");
    QCOMPARE(kill(id, SIGINT), 0);
  }

 private Q_SLOTS:
  void initTestCase() {
    QVERIFY2(!qEnvironmentVariable("BOOKWHEEL_CLI").isEmpty(), "ctest sets BOOKWHEEL_CLI");
  }

  // ---- Bad input ----

  void badInput_data() {
    QTest::addColumn<QString>("arguments");
    QTest::addColumn<int>("exitCode");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* name, const char* arguments, int exitCode, const char* says) {
      QTest::newRow(name) << QString::fromUtf8(arguments) << exitCode << QString::fromUtf8(says);
    };
    row("no such model name", "info --model nobody", 1, "tiny");
    row("no such model file", "info --model @nobody.gguf", 1, "nobody.gguf");
    row("a folder as model", "info --model @bookwheel", 1, "bookwheel");
    row("a cut model file", "ask --model @cut.gguf Hello", 1, "cut.gguf");
    row("a few bytes of one", "info --model @stub.gguf", 1, "stub.gguf");
    row("an empty model file", "info --model @empty.gguf", 1, "empty.gguf");
    row("a picture as model", "info --model @picture.gguf", 1, "PNG");
    row("a foreign architecture", "ask --model @strange.gguf Hello", 1, "gpt99");
    row("no such document", "ask --model tiny --document @nothing.txt Hello", 1, "nothing.txt");
    row("an empty document", "ask --model tiny --document @empty.txt Hello", 1, "empty.txt");
    row("a binary document", "ask --model tiny --document @binary.txt Hello", 1, "binary.txt");
    row("no such document", "document @nothing.txt", 1, "nothing.txt");
    row("a document over the context", "ask --model short --document @long.txt Hello", 3, "64");
    row("questions without a question", "ask --model tiny --questions @blank.txt", 1, "blank.txt");
    row("no such text", "tokenize --model tiny @nothing.txt", 1, "nothing.txt");
    row("a folder as text", "tokenize --model tiny @bookwheel", 1, "bookwheel");
    row("no such reference", "perplexity --model tiny --against @nothing.bwlg", 1, "nothing.bwlg");
    row("a text as reference", "perplexity --model tiny --against @text.txt", 1, "text.txt");
    row("a text over the context", "perplexity --model short @long.txt", 3, "64");
    row("a depth over the context", "bench --model short --depth 1000", 3, "64");
    row("no CUDA in this build", "ask --model tiny --backend cuda Hello", 1, "--backend cpu");
  }
  void badInput() {
    QFETCH(QString, arguments);
    QFETCH(int, exitCode);
    QFETCH(QString, says);
    const Run result = run(arguments.split(u' '));
    QVERIFY2(result.exitCode == exitCode, result.errors.constData());
    QCOMPARE(result.output, QByteArray());
    // One line, one or two sentences, with what it is about.
    QCOMPARE(result.errors.count('\n'), 1);
    QVERIFY2(result.errors.startsWith("bookwheel-cli: "), result.errors.constData());
    QVERIFY2(result.errors.endsWith(".\n"), result.errors.constData());
    QVERIFY2(result.errors.contains(says.toUtf8()), result.errors.constData());
    QVERIFY2(!result.errors.contains("std::"), result.errors.constData());
  }

  void wrongUsage_data() {
    QTest::addColumn<QString>("arguments");
    for (const char* arguments :
         {"fly", "info", "ask --model tiny", "ask --model tiny --threads -1 Hello",
          "ask --model tiny --top-p 2 Hello", "ask --model tiny --max-tokens 0 Hello",
          "ask --model tiny --backend gpu Hello", "ask --model tiny --questions @questions.txt Who",
          "plan --model tiny", "plan --model tiny --tokens 5 --budget 6X",
          "plan --model tiny --tokens five", "bench --model tiny --depth x",
          "plan --model tiny --tokens 5 --extend-context yarn",
          "plan --model tiny --tokens 5 --extend-context ntk:4",
          "plan --model tiny --tokens 5 --capacity disk", "perplexity --model tiny", "document",
          "info --model tiny --strange"}) {
      QTest::newRow(arguments) << QString::fromUtf8(arguments);
    }
  }
  void wrongUsage() {
    QFETCH(QString, arguments);
    const Run result = run(arguments.split(u' '));
    QVERIFY2(result.exitCode == 2, result.errors.constData());
    QCOMPARE(result.output, QByteArray());
    QVERIFY(!result.errors.isEmpty());
  }

  void everyCommandHasHelpWithAnExample() {
    const Run all = run("--help");
    QCOMPARE(all.exitCode, 0);
    for (const char* command : {"info", "tokenize", "detokenize", "document", "plan", "ask", "chat",
                                "perplexity", "bench"}) {
      QVERIFY(all.output.contains(command));
      const Run help = run({QString::fromUtf8(command), QStringLiteral("--help")});
      QCOMPARE(help.exitCode, 0);
      QVERIFY2(help.output.contains("Example:\n"), command);
      for (const char* option : {"--model", "--threads", "--backend", "--seed", "--json"}) {
        QVERIFY2(help.output.contains(option), command);
      }
    }
    QCOMPARE(run("--version").exitCode, 0);
  }

  // ---- Each command ----

  void info() {
    const QJsonObject json = run("info --model tiny --json").json();
    for (const char* key :
         {"architecture", "name", "license", "layers", "heads", "kvHeads", "headDim", "embedding",
          "vocabulary", "contextTokens", "ropeBase", "ropeScaling", "tokenizer", "chatTemplate",
          "tensorTypes", "fileBytes"}) {
      QVERIFY2(json.contains(QLatin1String(key)), key);
    }
    QCOMPARE(json.value(u"architecture"), QStringLiteral("llama"));
    QCOMPARE(json.value(u"layers"), 2);
    QCOMPARE(json.value(u"kvHeads"), 2);
    QCOMPARE(json.value(u"contextTokens"), 2048);
    QCOMPARE(json.value(u"fileBytes").toInteger(),
             QFileInfo(m_files.path("bookwheel/models/tiny.gguf")).size());
    QVERIFY(run("info --model tiny").output.contains("contextTokens: 2,048\n"));
  }

  void tokenizeAndBack() {
    const QByteArray text = "Call me Ishmael. \xf0\x9f\x90\x8b \n\ttabs <|im_end|> and more\n";
    const Run tokens = run("tokenize --model tiny --json", text);
    QCOMPARE(tokens.exitCode, 0);
    const QJsonArray ids = tokens.json().value(u"ids").toArray();
    const QJsonArray ranges = tokens.json().value(u"ranges").toArray();
    QVERIFY(ids.size() > 5);
    QCOMPARE(ranges.size(), ids.size());
    qint64 end = 0;
    for (const QJsonValue& range : ranges) {
      QCOMPARE(range.toArray().at(0).toInteger(), end);
      end = range.toArray().at(1).toInteger();
    }
    QCOMPARE(end, text.size());
    const QByteArray array = QJsonDocument(ids).toJson(QJsonDocument::Compact);
    QCOMPARE(run("detokenize --model tiny", array).output, text);
    QCOMPARE(run("detokenize --model tiny --json", array).json().value(u"text").toString(),
             QString::fromUtf8(text));
    // Written special tokens count only when asked for.
    QVERIFY(run("tokenize --model tiny --special --json", text).json().value(u"ids").toArray() !=
            ids);
  }

  void detokenizeRefusesOtherThings_data() {
    QTest::addColumn<QByteArray>("input");
    for (const char* input : {"", "hello", "{\"a\": 1}", "[1, -1]", "[1, 2.5]", "[\"1\"]",
                              "[1, 99999999999999999999]", "[1, 4000000]", "[1, 2"}) {
      QTest::newRow(input) << QByteArray(input);
    }
  }
  void detokenizeRefusesOtherThings() {
    QFETCH(QByteArray, input);
    const Run result = run("detokenize --model tiny", input);
    QCOMPARE(result.exitCode, 1);
    QCOMPARE(result.output, QByteArray());
    QCOMPARE(result.errors.count('\n'), 1);
  }

  void document() {
    const QJsonObject json = run("document @text.txt --json").json();
    for (const char* key : {"title", "format", "pages", "characters", "outline", "warnings"}) {
      QVERIFY2(json.contains(QLatin1String(key)), key);
    }
    QCOMPARE(json.value(u"pages"), 1);
    QVERIFY(run("document @text.txt --text").output.contains("universally acknowledged"));
  }

  void plan() {
    const Run fits = run("plan --model tiny --tokens 2000 --budget 1G --json");
    QCOMPARE(fits.exitCode, 0);
    const QJsonObject json = fits.json();
    for (const char* key : {"fits", "reason", "bits", "group", "residual", "sinks", "k",
                            "capacityTier", "fastTier", "weightsBytes", "workspaceBytes",
                            "totalFastBytes", "bitsPerElement", "compressionRatio"}) {
      QVERIFY2(json.contains(QLatin1String(key)), key);
    }
    // 2 layers, 2 KV heads, K and V of 32 halves: 512 bytes a token.
    QCOMPARE(json.value(u"capacityTier").toObject().value(u"bytes"), 2000 * 512);
    QCOMPARE(run("plan --model tiny --tokens 2000 --budget 1G").exitCode, 0);

    const Run tooLong = run("plan --model tiny --tokens 2049 --budget 1G --json");
    QCOMPARE(tooLong.exitCode, 3);
    QCOMPARE(tooLong.json().value(u"fits"), false);
    QVERIFY(tooLong.json().value(u"reason").toString().contains(u"2,049"));
    QCOMPARE(run("plan --model tiny --tokens 2000 --budget 1M").exitCode, 3);
  }

  void planOfTwoTiers() {
    const QJsonObject ram =
        run("plan --model tiny --tokens 4000 --extend-context yarn:2 --bits k2v2 --k 64 --json")
            .json();
    QCOMPARE(ram.value(u"fits"), true);
    QCOMPARE(ram.value(u"k"), 64);
    const QJsonObject capacity = ram.value(u"capacityTier").toObject();
    QCOMPARE(capacity.value(u"where"), QStringLiteral("ram"));
    QCOMPARE(capacity.value(u"bytes"), 4000 * 512);
    QCOMPARE(capacity.value(u"memoryBytes"), 4000 * 512);
    const QJsonObject fast = ram.value(u"fastTier").toObject();
    QCOMPARE(fast.value(u"bytes").toInt(), fast.value(u"copyBytes").toInt() +
                                               fast.value(u"islandBytes").toInt() +
                                               fast.value(u"bufferBytes").toInt());
    const double ratio = 4000.0 * 512 / fast.value(u"bytes").toDouble();
    QVERIFY(qAbs(ram.value(u"compressionRatio").toDouble() - ratio) < 1e-9);

    const QJsonObject file =
        run("plan --model tiny --tokens 4000 --extend-context yarn:2 --bits k2v2 --k 64 --json "
            "--capacity file")
            .json();
    QCOMPARE(file.value(u"fastTier"), ram.value(u"fastTier"));
    QVERIFY(file.value(u"capacityTier").toObject().value(u"memoryBytes").toInt() < 4000 * 512 / 2);
    QVERIFY(file.value(u"totalFastBytes").toInt() < ram.value(u"totalFastBytes").toInt());
    // A layer: 2 KV heads, 256 bytes a token.
    QCOMPARE(file.value(u"readingBytes"), 4000 * 256);
  }

  void answersFromAFileAreTheSame() {
    const std::string question(
        "ask --model tiny --document @text.txt --max-tokens 20 --bits k2v2 --k 16 Who?");
    const Run ram = run(question.c_str());
    QCOMPARE(ram.exitCode, 0);
    QVERIFY(!ram.output.isEmpty());
    QCOMPARE(run((question + " --capacity file").c_str()).output, ram.output);
    const Run nowhere =
        run((question + " --capacity file --capacity-folder /nowhere/at/all").c_str());
    QCOMPARE(nowhere.exitCode, 1);
    QVERIFY2(nowhere.errors.contains("/nowhere/at/all"), nowhere.errors.constData());
  }

  void ask() {
    const Run result =
        run("ask --model tiny --document @text.txt --max-tokens 12 --json --threads 2 Who?");
    QVERIFY2(result.exitCode == 0, result.errors.constData());
    QCOMPARE(result.errors, QByteArray());  // no terminal: no progress
    const QJsonObject json = result.json();
    for (const char* key :
         {"answer", "stopReason", "promptTokens", "tokensFromStore", "answerTokens", "readSeconds",
          "firstTokenSeconds", "tokensPerSecond", "stats", "passages"}) {
      QVERIFY2(json.contains(QLatin1String(key)), key);
    }
    QVERIFY(json.value(u"promptTokens").toInt() > 20);
    QVERIFY(json.value(u"answerTokens").toInt() <= 12);
    QCOMPARE(json.value(u"tokensFromStore"), 0);

    // The same in words: the answer and nothing else on standard output.
    const Run words = run("ask --model tiny --document @text.txt --max-tokens 12 Who?");
    QCOMPARE(QString::fromUtf8(words.output), json.value(u"answer").toString() + u'\n');
    QVERIFY(run("ask --model tiny --max-tokens 4 --progress Who?").errors.contains("tokens/s"));
  }

  void manyQuestionsReadTheDocumentOnce() {
    const Run result =
        run("ask --model tiny --document @text.txt --max-tokens 6 --questions @questions.txt");
    QVERIFY2(result.exitCode == 0, result.errors.constData());
    const QList<QJsonObject> lines = result.jsonLines();
    QCOMPARE(lines.size(), 3);
    QCOMPARE(lines[1].value(u"question"), QStringLiteral("Where?"));
    QCOMPARE(lines[0].value(u"tokensFromStore"), 0);
    // The document's tokens, all but the question's own.
    QVERIFY(lines[1].value(u"tokensFromStore").toInt() > 20);
    QVERIFY(lines[2].value(u"tokensFromStore").toInt() > 20);
    // And an answer does not depend on the questions before it.
    QCOMPARE(lines[2].value(u"answer"),
             run("ask --model tiny --document @text.txt --max-tokens 6 --json When?")
                 .json()
                 .value(u"answer"));
  }

  void chatRemembers() {
    const Run result = run("chat --model tiny --max-tokens 5", "Hello\n\nAnd now?\n");
    QVERIFY2(result.exitCode == 0, result.errors.constData());
    QVERIFY(result.output.count('\n') >= 2);
    QCOMPARE(result.errors, QByteArray());  // no terminal: no prompt
  }

  void perplexity() {
    const QJsonObject json = run("perplexity --model tiny @long.txt --tokens 300 --json").json();
    QCOMPARE(json.value(u"tokens"), 300);
    const double nll = json.value(u"meanNll").toDouble();
    QVERIFY(nll > 0);
    QVERIFY(std::abs(json.value(u"perplexity").toDouble() - std::exp(nll)) < 1e-9 * std::exp(nll));
    QVERIFY(json.value(u"tokensPerSecond").toDouble() > 0);

    const QList<QJsonObject> lines =
        run("perplexity --model tiny @long.txt --tokens 50 --top 3").jsonLines();
    QCOMPARE(lines.size(), 50);  // 49 predictions and the sum
    double sum = 0;
    for (int i = 0; i < 49; ++i) {
      QCOMPARE(lines[i].value(u"position"), i + 1);
      const QJsonArray top = lines[i].value(u"top").toArray();
      QCOMPARE(top.size(), 3);
      const auto logProb = [&](int rank) { return top.at(rank).toArray().at(1).toDouble(); };
      QVERIFY(logProb(0) >= logProb(1) && logProb(1) >= logProb(2));
      QVERIFY(lines[i].value(u"logProb").toDouble() <= logProb(0));
      sum -= lines[i].value(u"logProb").toDouble();
    }
    QVERIFY(std::abs(sum / 49 - lines[49].value(u"meanNll").toDouble()) < 1e-5);
  }

  void perplexityAgainstItselfIsZero() {
    QCOMPARE(run("perplexity --model tiny @long.txt --tokens 200 --save @own.bwlg").exitCode, 0);
    const QJsonObject same = run("perplexity --model tiny --against @own.bwlg --json").json();
    QCOMPARE(same.value(u"tokens"), 200);
    QVERIFY(std::abs(same.value(u"meanKl").toDouble()) < 1e-9);
    QCOMPARE(same.value(u"sameTop1"), 1.0);
    // Without rounding the distributions are others, a little.
    const double kl = run("perplexity --model tiny --against @own.bwlg --float-activations --json")
                          .json()
                          .value(u"meanKl")
                          .toDouble();
    QVERIFY2(kl > 1e-9 && kl < 0.01, qPrintable(QString::number(kl)));

    QFile file(m_files.path("own.bwlg"));
    QVERIFY(file.resize(file.size() - 1000));
    const Run cut = run("perplexity --model tiny --against @own.bwlg");
    QCOMPARE(cut.exitCode, 1);
    QVERIFY(cut.errors.contains("cut or damaged"));
  }

  void bench() {
    const QList<QJsonObject> lines =
        run("bench --model tiny --prefill 64 --decode 8 --depth 0,512 --repeat 2 --json")
            .jsonLines();
    QCOMPARE(lines.size(), 2);
    for (const QJsonObject& line : lines) {
      for (const char* key :
           {"depth", "prefillTokensPerSecond", "decodeTokensPerSecond", "runs", "bits", "k",
            "capacityBytes", "fastBytes", "peakResidentBytes", "cpu", "isa"}) {
        QVERIFY2(line.contains(QLatin1String(key)), key);
      }
      QVERIFY(line.value(u"decodeTokensPerSecond").toDouble() > 0);
    }
    QCOMPARE(lines[1].value(u"depth"), 512);
    QCOMPARE(lines[1].value(u"synthetic"), true);
  }

  // ---- Stopping ----

  void interruptKeepsThePartialAnswer() {
    // Greedy, this model repeats itself for ever: 100,000 tokens take it many seconds.
    QProcess process;
    prepare(process, {QStringLiteral("ask"), QStringLiteral("--model"), QStringLiteral("long"),
                      QStringLiteral("--max-tokens"), QStringLiteral("100000"),
                      QStringLiteral("Tell me everything")});
    process.start();
    QTRY_VERIFY_WITH_TIMEOUT(process.bytesAvailable() > 0, 30'000);
    interrupt(process);
    QVERIFY(process.waitForFinished(30'000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 130);
    const QByteArray output = process.readAllStandardOutput();
    QVERIFY(output.endsWith('\n') && output.size() > 1);
  }

  void interruptAtThePromptEndsTheChat() {
    QProcess process;
    prepare(process, {QStringLiteral("chat"), QStringLiteral("--model"), QStringLiteral("tiny"),
                      QStringLiteral("--max-tokens"), QStringLiteral("3")});
    process.start();
    process.write("Hello\n");
    QTRY_VERIFY_WITH_TIMEOUT(process.bytesAvailable() > 0, 30'000);
    interrupt(process);
    QVERIFY(process.waitForFinished(30'000));
    QCOMPARE(process.exitCode(), 130);
  }

  void fullDiskIsSaid() {
    if (!QFile::exists(QStringLiteral("/dev/full"))) {
      QSKIP("This system has no /dev/full.");
    }
    QProcess process;
    prepare(process, {QStringLiteral("info"), QStringLiteral("--model"), QStringLiteral("tiny")});
    process.setStandardOutputFile(QStringLiteral("/dev/full"));
    process.start();
    QVERIFY(process.waitForFinished(30'000));
    QCOMPARE(process.exitCode(), 1);
    QVERIFY(process.readAllStandardError().contains("could not be written"));
    QCOMPARE(run("perplexity --model tiny @long.txt --tokens 50 --save /dev/full").exitCode, 1);
  }
};

QTEST_GUILESS_MAIN(CliTest)
#include "cli_test.moc"
