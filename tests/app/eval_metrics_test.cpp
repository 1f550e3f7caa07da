// SPDX-License-Identifier: Apache-2.0
// The figures of eval: divergences, intervals and LongBench's metrics, against values worked out by
// hand or with the authors' Python packages.
#include "app/cli/command_error.h"
#include "app/cli/eval_distributions.h"
#include "app/cli/eval_longbench_data.h"
#include "app/cli/eval_longbench_metrics.h"
#include "app/cli/eval_statistics.h"

#include <QTemporaryDir>
#include <QTest>

#include <array>
#include <cmath>
#include <fstream>

using namespace bookwheel;

namespace {

// Sums of a few float32 logarithms of size 1.
constexpr double kFloatError = 1e-6;

bool near(double actual, double expected, double bound) {
  const bool within = std::abs(actual - expected) <= bound;
  if (!within) {
    qWarning("%.9f, expected %.9f", actual, expected);
  }
  return within;
}

}  // namespace

class EvalMetricsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // ---- Distributions ----

  void logProbabilitiesAreNormalized() {
    // exp: 1, 3 of 4.
    std::array<float, 2> row{5.0f, 5.0f + std::log(3.0f)};
    toLogProbabilities(row);
    QVERIFY(near(row[0], std::log(0.25), kFloatError));
    QVERIFY(near(row[1], std::log(0.75), kFloatError));
  }

  void divergenceOfTwoCoins() {
    const std::array<float, 2> expected{std::log(0.25f), std::log(0.75f)};
    const std::array<float, 2> actual{std::log(0.5f), std::log(0.5f)};
    // 1/4 ln(1/2) + 3/4 ln(3/2)
    QVERIFY(near(divergence(expected, actual), 0.1308120, kFloatError));
    // 1/2 ln 2 + 1/2 ln(2/3): the other way round is another number.
    QVERIFY(near(divergence(actual, expected), 0.1438410, kFloatError));
    QCOMPARE(divergence(expected, expected), 0.0);
  }

  void impossibleTokensCostNothing() {
    const float never = -std::numeric_limits<float>::infinity();
    const std::array<float, 2> expected{0.0f, never};
    const std::array<float, 2> actual{std::log(0.5f), std::log(0.5f)};
    QVERIFY(near(divergence(expected, actual), std::log(2.0), kFloatError));
  }

  void ofEqualTokensTheFirstIsLikeliest() {
    QCOMPARE(likeliest(std::array<float, 4>{0.0f, 2.0f, 2.0f, 1.0f}), 1);
  }

  // ---- Statistics ----

  void quantileIsTheNearestRank() {
    std::vector<double> thousand;
    for (int i = 1000; i >= 1; --i) {
      thousand.push_back(i);
    }
    // Rank 0.999 * 999 = 998.001, the 998th from 0.
    QCOMPARE(quantile(thousand, 0.999), 999.0);
    QCOMPARE(quantile({5, 1, 3}, 0.5), 3.0);
    QCOMPARE(quantile({}, 0.5), 0.0);
    QCOMPARE(mean(std::vector<double>{1, 2, 3, 4}), 2.5);
  }

  void intervalOfIndependentNumbers() {
    // 256 coins: the mean has a standard deviation of 0.5 / 16, the interval is 1.96 of them on
    // either side. 2,000 samples know its ends to about a tenth of a deviation.
    std::vector<double> coins;
    for (int i = 0; i < 256; ++i) {
      coins.push_back(i % 2);
    }
    const Interval interval = meanInterval(coins, 1, 7);
    QVERIFY(near(interval.low, 0.5 - 1.96 / 32, 0.006));
    QVERIFY(near(interval.high, 0.5 + 1.96 / 32, 0.006));
    const Interval again = meanInterval(coins, 1, 7);
    QCOMPARE(again.low, interval.low);
    QCOMPARE(again.high, interval.high);
  }

  void blocksKeepWhatNeighboursShare() {
    // Every block of two alternating numbers has the mean of all.
    std::vector<double> alternating;
    std::vector<double> halves;
    for (int i = 0; i < 256; ++i) {
      alternating.push_back(i % 2);
      halves.push_back(i < 128 ? 0 : 1);
    }
    const Interval none = meanInterval(alternating, 2, 7);
    QCOMPARE(none.low, 0.5);
    QCOMPARE(none.high, 0.5);
    // Numbers that stay alike for long make the mean less certain: with blocks of 16 there are 16
    // independent draws of a coin, not 256.
    const Interval wide = meanInterval(halves, 16, 7);
    QVERIFY(wide.high - wide.low >
            3 * (meanInterval(halves, 1, 7).high - meanInterval(halves, 1, 7).low));
  }

  void intervalOfAShare() {
    // Wilson: with all of 10 right the lower end is 1 / (1 + 1.96^2 / 10).
    const Interval all = shareInterval(10, 10);
    QVERIFY(near(all.low, 0.722467, 1e-5));
    QVERIFY(near(all.high, 1, 1e-12));
    const Interval half = shareInterval(50, 100);
    QVERIFY(near(half.low, 0.403832, 1e-5));
    QVERIFY(near(half.high, 0.596168, 1e-5));
  }

  // ---- LongBench ----

  void questionAnswering() {
    // cat sat on mat / cat on mat: 3 words in common, 2 * 3 / (4 + 3).
    QCOMPARE(qaF1("The cat sat on the mat.", "a cat on mat"), 6.0 / 7);
    QCOMPARE(qaF1("cat cat", "cat"), 2.0 / 3);  // a word counts as often as it stands there
    QCOMPARE(qaF1("dog", "cat"), 0.0);
    QCOMPARE(qaF1("", "cat"), 0.0);
    QCOMPARE(qaF1("\xc3\x89mile Zola!", "\xc3\xa9mile zola"), 1.0);
  }

  void rougeL_data() {
    QTest::addColumn<QString>("prediction");
    QTest::addColumn<QString>("truth");
    QTest::addColumn<double>("expected");
    // Expected: Rouge().get_scores([prediction], [truth], avg=True)["rouge-l"]["f"] of rouge 1.0.1.
    // The first by hand: the cat, on mat of 4 and 6 distinct words: 2 * 1 * (4/6) / (1 + 4/6).
    QTest::newRow("two sentences") << "the cat sat. on a mat"
                                   << "the cat on the mat" << 0.7999999952;
    QTest::newRow("order counts") << "One two three. Four five one. two"
                                  << "five four three. two one. six" << 0.6666666617;
    QTest::newRow("distinct words") << "a . b"
                                    << "b a" << 0.999999995;
    QTest::newRow("nothing in common") << "a b"
                                       << "c d" << 0.0;
    QTest::newRow("nothing at all") << ""
                                    << "c d" << 0.0;
  }
  void rougeL() {
    QFETCH(QString, prediction);
    QFETCH(QString, truth);
    QFETCH(double, expected);
    QVERIFY(near(bookwheel::rougeL(prediction.toStdString(), truth.toStdString()), expected, 1e-9));
  }

  void classification() {
    const std::vector<std::string> classes{"City", "Big City", "Other location"};
    QCOMPARE(classificationScore("Type: City", "City", classes), 1.0);
    QCOMPARE(classificationScore("City or Other location", "City", classes), 0.5);
    // "City" is a part of the truth: naming the truth names it too, and it does not count.
    QCOMPARE(classificationScore("Big City", "Big City", classes), 1.0);
    QCOMPARE(classificationScore("Other location", "City", classes), 0.0);
  }

  void retrievalAndCount() {
    QCOMPARE(retrievalScore("Paragraph 3", "Paragraph 3"), 1.0);
    QCOMPARE(retrievalScore("Paragraph 3 or 15", "Paragraph 3"), 0.5);
    QCOMPARE(retrievalScore("none", "Paragraph 3"), 0.0);
    QCOMPARE(countScore("There are 7 of 30", "7"), 0.5);
    QCOMPARE(countScore("seven", "7"), 0.0);
  }

  void codeSimilarityIsThatOfDifflib() {
    // The line behind the fence; "return a", "+", "b" match: 2 * 10 / (10 + 12).
    QCOMPARE(codeSimilarity("\n```python\nreturn a+b\nmore", "return a + b"), 0.91);
    QCOMPARE(codeSimilarity("# only a comment", "return a"), 0.0);
    QCOMPARE(codeSimilarity("x = 1", "x = 1"), 1.0);
    // Over 200 characters the frequent ones begin no match. Expected: difflib.SequenceMatcher(None,
    // prediction, truth).ratio() of Python 3.11; 0.87 if all characters could.
    std::string truth;
    for (int i = 0; i < 12; ++i) {
      truth += "value_" + std::to_string(i) + " = compute(value_" + std::to_string(i * 7 % 13) +
               ", " + std::to_string(i * i) + "); ";
    }
    QString other = QString::fromStdString(truth);
    other.replace(QStringLiteral("compute"), QStringLiteral("calculate"));
    other.replace(QStringLiteral("7"), QStringLiteral("x"));
    QCOMPARE(codeSimilarity(other.toStdString(), truth), 0.65);
    QCOMPARE(codeSimilarity(truth, other.toStdString()), 0.74);
  }

  void theBestTruthCounts() {
    QCOMPARE(longBenchScore(LongBenchMetric::QaF1, "blue whale", {"shark", "blue whale"}, {}), 1.0);
    QCOMPARE(longBenchScore(LongBenchMetric::QaF1, "blue whale", {}, {}), 0.0);
  }

  void tasksOfTheDataSets() {
    QCOMPARE(longBenchTask("hotpotqa").metric, LongBenchMetric::QaF1);
    QCOMPARE(longBenchTask("hotpotqa_e").answerTokens, 32);
    QVERIFY(longBenchTask("trec").firstLine);
    QVERIFY(!longBenchTask("lcc").chat);
    try {
      longBenchTask("dureader");
      QFAIL("a data set that cannot be scored was taken");
    } catch (const CommandError& error) {
      QVERIFY(std::string(error.what()).find("dureader") != std::string::npos);
      QCOMPARE(error.exitCode(), ExitCode::kFailed);
    }
  }

  void promptsAreFilledOnce() {
    const LongBenchExample example{"1", "qasper", "What {context}?", "A {input} text", {}, {}};
    QCOMPARE(fillPrompt("{context}|{input}|{other}", example),
             std::string("A {input} text|What {context}?|{other}"));
  }

  void damagedLinesAreNamed_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QByteArray>("says");
    const QByteArray good = R"({"input":"","context":"c","answers":["a"],"dataset":"lcc"})";
    QTest::newRow("no JSON") << good + "\nhello\n" << QByteArray("Line 2");
    QTest::newRow("no object") << QByteArray("[1]\n") << QByteArray("Line 1");
    QTest::newRow("an answer that is no list")
        << QByteArray(R"({"input":"","context":"c","answers":"a","dataset":"lcc"})")
        << QByteArray("Line 1");
    QTest::newRow("no context") << good + "\n\n" + R"({"input":"","answers":[],"dataset":"lcc"})"
                                << QByteArray("Line 3");
    QTest::newRow("nothing") << QByteArray("\n \n") << QByteArray("no example");
  }
  void damagedLinesAreNamed() {
    QFETCH(QByteArray, content);
    QFETCH(QByteArray, says);
    const QTemporaryDir folder;
    const std::string path = folder.filePath(QStringLiteral("bench.jsonl")).toStdString();
    std::ofstream(path, std::ios::binary) << content.toStdString();
    try {
      loadLongBench(path);
      QFAIL("it was taken");
    } catch (const CommandError& error) {
      QVERIFY2(QByteArray(error.what()).contains(says), error.what());
      QVERIFY(QByteArray(error.what()).endsWith("."));
    }
  }
};

QTEST_GUILESS_MAIN(EvalMetricsTest)
#include "eval_metrics_test.moc"
