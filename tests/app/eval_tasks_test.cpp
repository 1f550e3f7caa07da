// SPDX-License-Identifier: Apache-2.0
// What eval asks: needles, tables, haystacks and the cache switches, and how answers are scored.
#include "app/cli/cache_options_cli.h"
#include "app/cli/eval_exam.h"
#include "app/cli/eval_extract_task.h"
#include "app/cli/eval_needle_tasks.h"
#include "engine/model/gguf.h"
#include "tests/support/tiny_model.h"

#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <set>

using namespace bookwheel;

namespace {

constexpr const char* kFiller = "One.\n\nTwo two.\n\nThree three three.\n\nFour.";

const std::vector<NeedleKind> kAllKinds{NeedleKind::Single, NeedleKind::MultiKey, NeedleKind::Uuid,
                                        NeedleKind::MultiValue, NeedleKind::Variables};

/// The switches as a command line with them would read them.
CacheOptions resolved(const QString& switches) {
  CLI::App app;
  CacheSwitches cache;
  cache.addTo(app);
  app.parse(switches.toStdString(), false);
  return cache.resolve();
}

}  // namespace

class EvalTasksTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // ---- Switches ----

  void switchesFillTheOptions() {
    QCOMPARE(resolved(QString()), CacheOptions{});
    QCOMPARE(resolved(QStringLiteral("--exact")), CacheOptions{});
    CacheOptions expected;
    expected.policy = CachePolicy::Corrected;
    QCOMPARE(resolved(QStringLiteral("--bits k2v2")), expected);
    expected.keyBits = 1;
    expected.valueBits = 4;
    QVERIFY(resolved(QStringLiteral("--bits k1v2")) != expected);
    expected.valueBits = 2;
    expected.pairs = 1024;
    expected.group = 32;
    expected.residualTokens = 256;
    expected.sinkTokens = 64;
    expected.predictor = Predictor::Both;
    expected.logits = ScoreLogits::VarianceCorrected;
    expected.metadata = QuantizerMetadata::Bits16;
    QCOMPARE(resolved(QStringLiteral("--bits k1v2 --k 1024 --group 32 --residual 256 --sinks 64 "
                                     "--predictor both --logits variance --quantizer paper")),
             expected);
    QCOMPARE(resolved(QStringLiteral("--k all")).pairs, kAllPairs);
    QCOMPARE(resolved(QStringLiteral("--k 0")).pairs, 0);
    QCOMPARE(resolved(QStringLiteral("--correct off")).policy, CachePolicy::Paper);
  }

  void thePapersChoicesCanBeChangedOneByOne() {
    QCOMPARE(resolved(QStringLiteral("--paper")), paperCacheOptions(2, 2));
    QCOMPARE(resolved(QStringLiteral("--paper --bits k1v1")), paperCacheOptions(1, 1));
    CacheOptions more = paperCacheOptions(2, 2);
    more.pairs = 256;
    more.logits = ScoreLogits::VarianceCorrected;
    QCOMPARE(resolved(QStringLiteral("--paper --k 256 --logits variance")), more);
  }

  void contradictionsAreWrongUsage_data() {
    QTest::addColumn<QString>("switches");
    for (const char* switches :
         {"--exact --bits k2v2", "--exact --paper", "--exact --k 5", "--paper --correct on",
          "--paper --predictor sticky", "--k 0 --predictor both"}) {
      QTest::newRow(switches) << QString::fromUtf8(switches);
    }
  }
  void contradictionsAreWrongUsage() {
    QFETCH(QString, switches);
    try {
      resolved(switches);
      QFAIL("it was taken");
    } catch (const CommandError& error) {
      QCOMPARE(error.exitCode(), ExitCode::kUsage);
      QVERIFY(QByteArray(error.what()).endsWith("."));
    }
  }

  void badValuesAreRefusedByTheParser_data() {
    QTest::addColumn<QString>("switches");
    for (const char* switches :
         {"--bits k3v2", "--bits 2", "--k -1", "--k some", "--k 1.5", "--k 99999999999",
          "--group 16", "--correct maybe", "--predictor none", "--sinks -1", "--quantizer mine"}) {
      QTest::newRow(switches) << QString::fromUtf8(switches);
    }
  }
  void badValuesAreRefusedByTheParser() {
    QFETCH(QString, switches);
    QVERIFY_THROWS_EXCEPTION(CLI::ParseError, resolved(switches));
  }

  void cacheNames() {
    CacheOptions corrected = defaultComparedCache();
    corrected.keyBits = 1;
    corrected.valueBits = 1;
    corrected.pairs = 1024;
    QCOMPARE(parseCacheName("k1v1:1024"), corrected);
    QCOMPARE(parseCacheName("paper:k2v2:64"), paperCacheOptions(2, 2));
    QCOMPARE(parseCacheName("k2v2:all").pairs, kAllPairs);
    for (const char* name : {"", "k2v2", "k2v2:", "k2v2:-1", "k3v2:4", "own:k2v2:4", "k2v2:4:4"}) {
      QVERIFY_THROWS_EXCEPTION(CommandError, parseCacheName(name));
    }
  }

  // ---- Haystacks ----

  void insertionsGoToTheNearestParagraph() {
    QCOMPARE(insertInto(kFiller, {{"B", 1}, {"A", 0}}),
             std::string("A\n\nOne.\n\nTwo two.\n\nThree three three.\n\nFour.\n\nB\n\n"));
    QCOMPARE(insertInto(kFiller, {{"X", 0.4}}),
             std::string("One.\n\nTwo two.\n\nX\n\nThree three three.\n\nFour."));
    // The same border: their order stays.
    QCOMPARE(insertInto("One.\n\nTwo.", {{"X", 0.5}, {"Y", 0.5}}),
             std::string("One.\n\nX\n\nY\n\nTwo."));
    QCOMPARE(insertInto("One line\nand another", {{"X", 0.4}}),
             std::string("One line\n\nX\n\nand another"));
    QCOMPARE(insertInto("", {{"X", 0.5}}), std::string("X\n\n"));
  }

  void beginningsEndBetweenParagraphs() {
    const QTemporaryDir folder;
    const std::string path = folder.filePath(QStringLiteral("tiny.gguf")).toStdString();
    tinyModel().write(path);
    const auto tokenizer = Tokenizer::create(Gguf::open(path));
    const std::string text = kFiller;
    const auto all = static_cast<std::int64_t>(tokenizer->encode(text).ids.size());
    for (std::int64_t tokens = 6; tokens <= all; ++tokens) {
      const std::string beginning = beginningOf(*tokenizer, text, "the text", tokens);
      QVERIFY(text.starts_with(beginning));
      QVERIFY(static_cast<std::int64_t>(tokenizer->encode(beginning).ids.size()) <= tokens);
      QVERIFY2(beginning.ends_with("\n\n") || beginning.size() < 6, beginning.c_str());
    }
    try {
      beginningOf(*tokenizer, text, "short.txt", all + 1);
      QFAIL("a text that is too short was taken");
    } catch (const CommandError& error) {
      QVERIFY(std::string(error.what()).find("short.txt") != std::string::npos);
    }
  }

  // ---- Needles ----

  void needlesAreSeeded() {
    const NeedleSet set = makeNeedles(kAllKinds, {0, 0.5}, 4, 11);
    const NeedleSet same = makeNeedles(kAllKinds, {0, 0.5}, 4, 11);
    const NeedleSet other = makeNeedles(kAllKinds, {0, 0.5}, 4, 12);
    QCOMPARE(set.questions.size(), std::size_t{20});
    // 4 each of one, one, one, four and four sentences.
    QCOMPARE(set.needles.size(), std::size_t{4 * (1 + 1 + 1 + 4 + 4)});
    for (std::size_t i = 0; i < set.questions.size(); ++i) {
      QCOMPARE(same.questions[i].expected, set.questions[i].expected);
      QVERIFY(other.questions[i].expected != set.questions[i].expected);
      QCOMPARE(set.questions[i].depth, i % 2 == 0 ? 0.0 : 0.5);
    }
  }

  void everyAnswerStandsInTheTextOnceAndNotInTheQuestion() {
    const NeedleSet set = makeNeedles(kAllKinds, {0, 0.25, 0.5, 0.75, 1}, 20, 3);
    std::set<std::string> seen;
    for (const NeedleQuestion& question : set.questions) {
      for (const std::string& expected : question.expected) {
        QVERIFY2(seen.insert(expected).second, expected.c_str());
        QVERIFY(question.question.find(expected) == std::string::npos);
        const auto holds =
            std::count_if(set.needles.begin(), set.needles.end(), [&](const Insertion& needle) {
              return needle.text.find(expected) != std::string::npos;
            });
        // A variable stands where it is assigned and where it is handed on.
        QVERIFY2(holds == 1 || (question.kind == NeedleKind::Variables && holds == 2),
                 expected.c_str());
      }
    }
    for (const Insertion& needle : set.needles) {
      QVERIFY(needle.depth >= 0 && needle.depth <= 1);
    }
  }

  void chainsOfVariablesStandInOrder() {
    const NeedleSet set = makeNeedles({NeedleKind::Variables}, {0.5}, 1, 5);
    std::string paragraphs;
    for (int i = 0; i < 100; ++i) {
      paragraphs += "Paragraph " + std::to_string(i) + ".\n\n";
    }
    const std::string text = insertInto(paragraphs, set.needles);
    std::size_t before = 0;
    for (const std::string& variable : set.questions.front().expected) {
      const std::size_t at = text.find("VAR " + variable + " = ");
      QVERIFY(at != std::string::npos && at >= before);
      before = at;
    }
  }

  void needlesAreScoredByWhatIsFound() {
    QCOMPARE(needleScore("It is 12345.", {"12345"}), 1.0);
    QCOMPARE(needleScore("ABCDE and fghij", {"abcde", "FGHIJ", "KLMNO", "PQRST"}), 0.5);
    QCOMPARE(needleScore("", {"1"}), 0.0);
    QVERIFY_THROWS_EXCEPTION(CommandError, parseNeedleKind("pin"));
    for (const NeedleKind kind : kAllKinds) {
      QCOMPARE(parseNeedleKind(name(kind)), kind);
    }
  }

  // ---- Tables ----

  void tablesNameEachRowOnce() {
    const ExtractTable table = makeTable(150, 9);
    std::set<std::string> names;
    for (const auto& row : table.rows) {
      QCOMPARE(row.size(), table.columns.size());
      QVERIFY2(names.insert(row.front()).second, row.front().c_str());
    }
    QCOMPARE(makeTable(150, 9).rows, table.rows);
    QVERIFY(makeTable(150, 10).rows != table.rows);
    QCOMPARE((ExtractTable{{"a", "b"}, {{"1", "2"}}}).markdown(),
             std::string("| a | b |\n|---|---|\n| 1 | 2 |"));
  }

  void answersAreScoredCellByCell_data() {
    QTest::addColumn<QString>("answer");  // with ' for "
    QTest::addColumn<double>("cells");
    QTest::addColumn<double>("rows");
    QTest::addColumn<int>("extraRows");
    QTest::addColumn<bool>("wellFormed");
    const auto row = [](const char* name, const char* answer, double cells, double rows,
                        int extraRows, bool wellFormed) {
      QTest::newRow(name) << QString::fromUtf8(answer).replace(u'\'', u'"') << cells << rows
                          << extraRows << wellFormed;
    };
    row("all", "[{'ship':'A','year':1800},{'ship':'B','year':'1801'}]", 1, 1, 0, true);
    row("in a fence, in another order, one cell wrong",
        "Here:\n```json\n[{'year':1900,'ship':'B'},\n{'ship':'A','year':1800}]\n```", 0.75, 0.5, 0,
        true);
    row("cut", "[{'ship':'A','year':1800},{'ship':'B','ye", 0.5, 0.5, 0, false);
    row("wrapped", "{'ships':[{'ship':'A','year':1800},{'ship':'B','year':1801}]}", 1, 1, 0, true);
    row("invented and doubled",
        "[{'ship':'A','year':1800},{'ship':'A','year':1800},{'ship':'C','year':1}]", 0.5, 0.5, 2,
        true);
    row("braces in a text", "[{'ship':'A','year':'{1800\\'}'}]", 0.25, 0, 0, true);
    row("prose", "The ships are A and B.", 0, 0, 0, false);
  }
  void answersAreScoredCellByCell() {
    QFETCH(QString, answer);
    const ExtractTable table{{"ship", "year"}, {{"A", "1800"}, {"B", "1801"}}};
    const ExtractScore score = scoreExtract(answer.toStdString(), table);
    QTEST(score.cells, "cells");
    QTEST(score.rows, "rows");
    QTEST(score.extraRows, "extraRows");
    QTEST(score.wellFormed, "wellFormed");
  }
};

QTEST_GUILESS_MAIN(EvalTasksTest)
#include "eval_tasks_test.moc"
