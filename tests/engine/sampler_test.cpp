// SPDX-License-Identifier: Apache-2.0
// Sampler: each filter keeps exactly the tokens it should, and the draw follows the probabilities.
#include "engine/run/sampler.h"

#include "engine/error.h"

#include <QTest>

#include <cmath>
#include <map>
#include <set>

using bookwheel::Error;
using bookwheel::Sampler;
using bookwheel::SamplingOptions;
using bookwheel::TokenId;

namespace {

// Natural logarithms of 0.5, 0.2, 0.15, 0.1, 0.05, in mixed order: token 3 is the likeliest.
const std::vector<float> kLogits{std::log(0.1f), std::log(0.2f), std::log(0.05f), std::log(0.5f),
                                 std::log(0.15f)};
constexpr int kDraws = 20'000;

std::map<TokenId, double> shares(const SamplingOptions& options,
                                 const std::vector<float>& logits = kLogits, int draws = kDraws) {
  Sampler sampler(options, static_cast<int>(logits.size()));
  std::map<TokenId, double> counts;
  for (int i = 0; i < draws; ++i) {
    counts[sampler.next(logits)] += 1.0 / draws;
  }
  return counts;
}

std::set<TokenId> tokens(const std::map<TokenId, double>& counts) {
  std::set<TokenId> ids;
  for (const auto& [id, share] : counts) {
    ids.insert(id);
  }
  return ids;
}

SamplingOptions warm() {
  SamplingOptions options;
  options.temperature = 1;
  options.seed = 5;
  return options;
}

}  // namespace

class SamplerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void greedyTakesTheLikeliest() {
    Sampler sampler({}, 5);
    for (int i = 0; i < 10; ++i) {
      QCOMPARE(sampler.next(kLogits), 3);
    }
  }

  void greedyTiesGoToTheLowestId() {
    Sampler sampler({}, 4);
    QCOMPARE(sampler.next(std::vector<float>{1, 2, 2, 2}), 1);
    QCOMPARE(sampler.next(std::vector<float>{-1, -1, -1, -1}), 0);
    // With the penalty on, another path through the code has to give the same.
    SamplingOptions options;
    options.repeatPenalty = 1.0001f;
    Sampler penalized(options, 4);
    QCOMPARE(penalized.next(std::vector<float>{1, 2, 2, 2}), 1);
  }

  void drawFollowsTheProbabilities() {
    const auto found = shares(warm());
    const std::map<TokenId, double> expected{{0, 0.1}, {1, 0.2}, {2, 0.05}, {3, 0.5}, {4, 0.15}};
    for (const auto& [id, share] : expected) {
      // Five standard deviations of a share over kDraws draws.
      const double bound = 5 * std::sqrt(share * (1 - share) / kDraws);
      QVERIFY2(std::abs(found.at(id) - share) < bound, qPrintable(QString::number(id)));
    }
  }

  void temperatureSharpensAndFlattens() {
    SamplingOptions options = warm();
    options.temperature = 0.5f;  // p^2: 0.25 of 0.325
    QVERIFY(std::abs(shares(options).at(3) - 0.25 / 0.325) < 0.02);
    options.temperature = 100;
    QVERIFY(std::abs(shares(options).at(3) - 0.2) < 0.02);
  }

  void topKKeepsTheLikeliest() {
    SamplingOptions options = warm();
    options.topK = 1;
    QCOMPARE(tokens(shares(options)), std::set<TokenId>({3}));
    options.topK = 3;
    QCOMPARE(tokens(shares(options)), std::set<TokenId>({1, 3, 4}));
    options.topK = 500;
    QCOMPARE(tokens(shares(options)).size(), 5u);
  }

  void topPKeepsTheShortestPrefixThatReachesIt() {
    SamplingOptions options = warm();
    options.topP = 0.49f;
    QCOMPARE(tokens(shares(options)), std::set<TokenId>({3}));
    options.topP = 0.6f;
    QCOMPARE(tokens(shares(options)), std::set<TokenId>({1, 3}));
    options.topP = 0.8f;
    QCOMPARE(tokens(shares(options)), std::set<TokenId>({1, 3, 4}));
    options.topP = 0.99f;
    QCOMPARE(tokens(shares(options)).size(), 5u);
    // What is left keeps its proportions: 0.5 of 0.7.
    options.topP = 0.6f;
    QVERIFY(std::abs(shares(options).at(3) - 0.5 / 0.7) < 0.02);
  }

  // The shortcut that drops tokens before the sort must not change the set: compare with a full
  // sort on a long tail.
  void topPOnALongTail() {
    std::vector<float> logits(5000);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      logits[i] = -2.0f * std::log(1.0f + static_cast<float>((i * 2377) % logits.size()));
    }
    std::vector<std::pair<double, TokenId>> sorted;
    double sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      sum += std::exp(static_cast<double>(logits[i]));
      sorted.emplace_back(-static_cast<double>(logits[i]), static_cast<TokenId>(i));
    }
    std::sort(sorted.begin(), sorted.end());
    for (const float topP : {0.5f, 0.9f, 0.97f}) {
      std::set<TokenId> allowed;
      double mass = 0;
      for (const auto& [negative, id] : sorted) {
        if (mass >= static_cast<double>(topP) * sum) {
          break;
        }
        mass += std::exp(-negative);
        allowed.insert(id);
      }
      SamplingOptions options = warm();
      options.topP = topP;
      for (const auto& [id, share] : shares(options, logits, 500)) {
        QVERIFY(allowed.contains(id));
      }
    }
  }

  void minPIsRelativeToTheLikeliest() {
    SamplingOptions options = warm();
    options.minP = 0.25f;  // 0.125 and more
    QCOMPARE(tokens(shares(options)), std::set<TokenId>({1, 3, 4}));
    options.minP = 1;
    QCOMPARE(tokens(shares(options)), std::set<TokenId>({3}));
  }

  void repeatPenaltyLooksBackOverItsWindow() {
    SamplingOptions options;
    options.repeatPenalty = 2;
    options.repeatWindow = 2;
    Sampler sampler(options, 3);
    const std::vector<float> logits{3.0f, 2.0f, 1.6f};
    QCOMPARE(sampler.next(logits), 0);
    QCOMPARE(sampler.next(logits), 1);  // 0 is at 1.5
    QCOMPARE(sampler.next(logits), 2);  // 0 at 1.5, 1 at 1
    QCOMPARE(sampler.next(logits), 0);  // 0 left the window
    // Negative logits move down as well.
    Sampler negative(options, 2);
    QCOMPARE(negative.next(std::vector<float>{-1.0f, -1.5f}), 0);
    QCOMPARE(negative.next(std::vector<float>{-1.0f, -1.5f}), 1);
  }

  void seedDecidesEverything() {
    const auto draw = [](std::uint64_t seed) {
      SamplingOptions options = warm();
      options.seed = seed;
      options.topP = 0.95f;
      Sampler sampler(options, 5);
      std::vector<TokenId> drawn;
      for (int i = 0; i < 50; ++i) {
        drawn.push_back(sampler.next(kLogits));
      }
      return drawn;
    };
    QCOMPARE(draw(1), draw(1));
    QVERIFY(draw(1) != draw(2));
  }

  void hugeLogitsDoNotOverflow() {
    SamplingOptions options = warm();
    options.temperature = 0.01f;
    options.topP = 0.9f;
    Sampler sampler(options, 3);
    QCOMPARE(sampler.next(std::vector<float>{-3e38f, 3e38f, 0}), 1);
  }

  void refusesNumbersOutOfRange_data() {
    QTest::addColumn<SamplingOptions>("options");
    const auto row = [](const char* name, auto change) {
      SamplingOptions options;
      change(options);
      QTest::newRow(name) << options;
    };
    row("temperature", [](SamplingOptions& o) { o.temperature = -1; });
    row("temperature NaN", [](SamplingOptions& o) { o.temperature = std::nanf(""); });
    row("top-k", [](SamplingOptions& o) { o.topK = -1; });
    row("top-p 0", [](SamplingOptions& o) { o.topP = 0; });
    row("top-p 2", [](SamplingOptions& o) { o.topP = 2; });
    row("min-p", [](SamplingOptions& o) { o.minP = 1.5f; });
    row("penalty", [](SamplingOptions& o) { o.repeatPenalty = 0; });
    row("window", [](SamplingOptions& o) { o.repeatWindow = -1; });
  }
  void refusesNumbersOutOfRange() {
    QFETCH(SamplingOptions, options);
    QVERIFY_THROWS_EXCEPTION(Error, Sampler(options, 10));
  }
};

QTEST_APPLESS_MAIN(SamplerTest)
#include "sampler_test.moc"
