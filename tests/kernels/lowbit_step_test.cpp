// SPDX-License-Identifier: Apache-2.0
// Exact pairs, joining, and the whole step of corrected low-bit attention in a layer on every
// instruction set, against doubles.
#include "tests/kernels/lowbit_fixtures.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace bookwheel;
using kernels::InstructionSet;
using kernels::LowBitFormat;
using kernels::LowBitMetadata;
using tests::Copy;
using tests::kInfinity;
using tests::Queries;
using tests::Random;
using tests::Scores;
using tests::Slicing;
using tests::Store;

class LowBitStepTest : public QObject {
  Q_OBJECT

 private slots:
  void exactPairs_data() { addSets(); }
  void exactPairs();
  void joinsEmptyPartials_data() { addSets(); }
  void joinsEmptyPartials();
  void wholeStep_data() { addSets(); }
  void wholeStep();
  void slicesDoNotMatter_data() { addSets(); }
  void slicesDoNotMatter();

 private:
  static void addSets() {
    QTest::addColumn<InstructionSet>("set");
    for (const InstructionSet set : kernels::supportedInstructionSets()) {
      QTest::newRow(kernels::name(set)) << set;
    }
  }
};

namespace {

/// Softmax attention in doubles, token by token.
class PlainAttention {
 public:
  explicit PlainAttention(int d) : m_sums(static_cast<std::size_t>(d), 0.0) {}
  template <typename Value>
  void see(double score, Value value) {
    if (score > m_peak) {
      const double factor = std::exp(m_peak - score);
      m_peak = score;
      m_total *= factor;
      for (double& x : m_sums) {
        x *= factor;
      }
    }
    const double w = std::exp(score - m_peak);
    m_total += w;
    for (std::size_t c = 0; c < m_sums.size(); ++c) {
      m_sums[c] += w * value(static_cast<int>(c));
    }
  }
  double result(int c) const { return m_sums[static_cast<std::size_t>(c)] / m_total; }
  double logSum() const { return m_peak + std::log(m_total); }

 private:
  std::vector<double> m_sums;
  double m_peak = -1e300;
  double m_total = 0;
};

double exactScore(const Store& store, const Queries& q, int head, int row, std::int64_t token) {
  double score = 0;
  for (int c = 0; c < q.d; ++c) {
    score += static_cast<double>(q.at(head, row, c)) * store.number(head, token, c);
  }
  return score * static_cast<double>(q.scale());
}

double largestValue(const Store& store, std::int64_t tokens) {
  double largest = 0;
  for (int h = 0; h < store.rows().kvHeads; ++h) {
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (int c = 0; c < 2 * store.rows().headDim; ++c) {
        largest = std::max(largest, std::fabs(store.number(h, t, c)));
      }
    }
  }
  return largest;
}

}  // namespace

// Scores of at most 10 * sqrt(d) in magnitude are off by d float roundings, weights by as much
// relatively, and values are below `largest`.
void LowBitStepTest::exactPairs() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(70);
  for (const auto& [rows, heads, kvHeads, d] : {std::array{1, 3, 3, 64},
                                                {1, 9, 3, 64},
                                                {2, 14, 2, 64},
                                                {2, 12, 2, 128},
                                                {1, 4, 1, 96},
                                                {4, 4, 1, 32},
                                                {1, 8, 1, 256}}) {
    const std::int64_t tokens = 700;
    const Store store(kvHeads, d, tokens, random);
    const Queries queries(rows, heads, kvHeads, d, random);
    const int scoreRows = queries.scoreRows();
    const double allowed = d * 0x1p-24 * 10 * std::sqrt(d) * largestValue(store, tokens);
    for (const bool listed : {true, false}) {
      for (const int firstRow : {0, rows - 1}) {
        const std::int64_t most = 200;
        // Counts around blocks of 16 and chunks of 128.
        std::vector<std::int32_t> counts;
        std::vector<std::uint32_t> indices;
        for (int h = 0; h < kvHeads; ++h) {
          counts.push_back(std::array{137, 16, 0}[static_cast<std::size_t>(h)]);
          std::vector<std::uint32_t> all(static_cast<std::size_t>(tokens));
          std::iota(all.begin(), all.end(), 0U);
          std::shuffle(all.begin(), all.end(), random);
          indices.insert(indices.end(), all.begin(), all.begin() + most + 3);
        }
        tests::Partials partials(kvHeads, 3, scoreRows, d);
        const kernels::ExactPairsArgs args{store.rows(),
                                           listed ? indices.data() : nullptr,
                                           most + 3,
                                           listed ? counts.data() : nullptr,
                                           most,
                                           queries.data.data(),
                                           queries.stride,
                                           rows,
                                           firstRow,
                                           heads,
                                           queries.scale(),
                                           partials.get(),
                                           1};
        QCOMPARE(kernels::exactPairsUnits(args), std::int64_t{2} * kvHeads);
        tests::runUnits(kernels::exactPairs, args, kernels::exactPairsUnits(args));
        for (int head = 0; head < kvHeads; ++head) {
          const std::int64_t count = listed ? counts[static_cast<std::size_t>(head)] : most;
          for (int row = 0; row < scoreRows; ++row) {
            QVERIFY(std::isnan(partials.at(head, 0, row)[0]));  // not this call's
            for (int chunk = 0; chunk < 2; ++chunk) {
              const float* partial = partials.at(head, 1 + chunk, row);
              const std::int64_t end = std::min<std::int64_t>(count, (chunk + 1) * 128);
              if (chunk * 128 >= end || row / queries.group() < firstRow) {
                QCOMPARE(partial[d], -kInfinity);
                QCOMPARE(partial[d + 1], 0.0F);
                QCOMPARE(partial[0], 0.0F);
                continue;
              }
              PlainAttention plain(d);
              for (std::int64_t i = chunk * 128; i < end; ++i) {
                const std::int64_t token =
                    listed ? indices[static_cast<std::size_t>(head * (most + 3) + i)] : i;
                plain.see(exactScore(store, queries, head, row, token),
                          [&](int c) { return store.number(head, token, d + c); });
              }
              const double sum = static_cast<double>(partial[d + 1]);
              QVERIFY(std::fabs(static_cast<double>(partial[d]) + std::log(sum) - plain.logSum()) <=
                      allowed);
              for (int c = 0; c < d; ++c) {
                QVERIFY(std::fabs(static_cast<double>(partial[c]) / sum - plain.result(c)) <=
                        allowed);
              }
            }
          }
        }
      }
    }
  }
}

void LowBitStepTest::joinsEmptyPartials() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  const int d = 32;
  tests::Partials partials(1, 4, 3, d);  // 3 rows of one head: T = 1, G = 3
  const auto fill = [&](int i, int row, float value, float peak, float sum) {
    float* partial = partials.at(0, i, row);
    std::fill_n(partial, d, value * sum);
    partial[d] = peak;
    partial[d + 1] = sum;
  };
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < 4; ++i) {
      fill(i, row, 0.0F, -kInfinity, 0.0F);
    }
  }
  fill(1, 0, 4.0F, -2.0F, 1.0F);   // row 0: one part, far below 0
  fill(0, 2, 1.0F, 300.0F, 2.0F);  // row 2: e^300 2 and e^301 3 would not fit a float
  fill(2, 2, 5.0F, 301.0F, 3.0F);
  fill(3, 2, 7.0F, -1000.0F, 1.0F);
  std::vector<float> out(3 * 32, NAN);
  std::vector<float> logSums(3, NAN);
  const kernels::JoinPartialsArgs args{partials.get(), 4, 1, 3, 1, out.data(), 3 * d,
                                       logSums.data()};
  tests::runUnits(kernels::joinPartials, args, std::int64_t{3});
  const double first = 2.0;
  const double second = 3.0 * std::exp(1.0);
  for (int c = 0; c < d; ++c) {
    const auto i = static_cast<std::size_t>(c);
    QCOMPARE(out[i], 4.0F);
    QCOMPARE(out[32 + i], 0.0F);  // nothing seen
    QVERIFY(std::fabs(static_cast<double>(out[64 + i]) - (first + 5 * second) / (first + second)) <
            1e-5);
  }
  QCOMPARE(logSums[0], -2.0F);
  QCOMPARE(logSums[1], -kInfinity);
  QVERIFY(std::fabs(static_cast<double>(logSums[2]) - (300 + std::log(first + second))) < 1e-4);
}

namespace {

/// A layer: the first `islands` tokens and those behind the blocks stay exact, the blocks have a
/// copy, and k of their tokens are exact too.
struct Step {
  static constexpr int kIslands = 40;
  static constexpr int kNewest = 70;
  std::int64_t blocks;
  int k;
  Store store;
  Copy copy;
  Queries queries;
  Scores scores;
  std::vector<std::uint32_t> selected;
  std::vector<std::int32_t> counts;
  std::vector<float> out;
  std::vector<float> logSums;

  Step(const LowBitFormat& format, int rows, int heads, int kvHeads, std::int64_t blockCount,
       int pairs, Random& random)
      : blocks(blockCount),
        k(pairs),
        store(kvHeads, format.headDim, blockCount * 64 + kNewest, random),
        copy(store, format, blockCount),
        queries(rows, heads, kvHeads, format.headDim, random),
        scores(kvHeads, queries.scoreRows(), blockCount) {}

  std::int64_t tokens() const { return blocks * 64 + kNewest; }

  void run(Slicing slicing) {
    const int kvHeads = queries.kvHeads;
    const int d = queries.d;
    const kernels::LowBitScoresArgs scoreArgs{
        copy.kv(),     queries.data.data(), queries.stride, queries.rows,
        queries.heads, queries.scale(),     kIslands,       false,
        scores.rows()};
    const std::int64_t chunks = kernels::lowBitChunks(blocks);
    tests::runUnits(kernels::lowBitScores, scoreArgs, kvHeads * chunks, slicing);
    tests::AlignedBytes scratch(kernels::lowBitSelectScratchBytes(kvHeads, blocks, k));
    selected.assign(static_cast<std::size_t>(kvHeads * k), 0);
    counts.assign(static_cast<std::size_t>(kvHeads), 0);
    const kernels::LowBitSelectArgs selectArgs{scores.rows(), 0, queries.scoreRows(), nullptr,
                                               kvHeads,       k, selected.data(),     counts.data(),
                                               scratch.data()};
    tests::runUnits(kernels::lowBitSelectParts, selectArgs,
                    kernels::lowBitSelectPartUnits(selectArgs), slicing);
    tests::runUnits(kernels::lowBitSelectJoin, selectArgs, std::int64_t{kvHeads}, slicing);

    const std::int64_t pairChunks = (k + 127) / 128;
    tests::Partials partials(kvHeads, pairChunks + 2 + chunks, queries.scoreRows(), d);
    kernels::ExactPairsArgs pairs{store.rows(),
                                  selected.data(),
                                  k,
                                  counts.data(),
                                  k,
                                  queries.data.data(),
                                  queries.stride,
                                  queries.rows,
                                  0,
                                  queries.heads,
                                  queries.scale(),
                                  partials.get(),
                                  0};
    tests::runUnits(kernels::exactPairs, pairs, kernels::exactPairsUnits(pairs), slicing);
    pairs.indices = nullptr;
    pairs.counts = nullptr;
    pairs.mostPairs = kIslands;
    pairs.firstPartial = pairChunks;
    tests::runUnits(kernels::exactPairs, pairs, kernels::exactPairsUnits(pairs), slicing);
    pairs.kv.data += blocks * 64 * pairs.kv.tokenStride;
    pairs.mostPairs = kNewest;
    pairs.firstPartial = pairChunks + 1;
    tests::runUnits(kernels::exactPairs, pairs, kernels::exactPairsUnits(pairs), slicing);
    const kernels::LowBitValuesArgs values{
        copy.kv(), scores.rows(),  selected.data(), counts.data(),
        k,         partials.get(), pairChunks + 2};
    tests::runUnits(kernels::lowBitValues, values, kvHeads * chunks, slicing);
    out.assign(static_cast<std::size_t>(queries.rows * queries.heads * d), NAN);
    logSums.assign(static_cast<std::size_t>(kvHeads * queries.scoreRows()), NAN);
    const kernels::JoinPartialsArgs join{
        partials.get(), pairChunks + 2 + chunks, queries.rows,  queries.heads, kvHeads,
        out.data(),     queries.heads * d,       logSums.data()};
    tests::runUnits(kernels::joinPartials, join, std::int64_t{queries.rows} * queries.heads,
                    slicing);
  }
};

}  // namespace

// Bound: a low-bit score is off by up to e = max over tokens of sum of codes * max |x| / 254 (as in
// the test of scores, 3 d / 254 * max |x| at most), so low-bit weights by e^(2 e) - 1 relatively;
// their values by half a step of 1/255 of a block's largest weight for up to 3 levels: 3 * 64 / 510
// of what one token of weight 1/64 contributes. Measured errors are twenty times smaller.
void LowBitStepTest::wholeStep() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(71);
  for (const LowBitFormat& format : {LowBitFormat{2, 2, 64, LowBitMetadata::Bits8, 64},
                                     {1, 1, 64, LowBitMetadata::Bits8, 128},
                                     {2, 2, 32, LowBitMetadata::Bits16, 96},
                                     {4, 4, 64, LowBitMetadata::Bits8, 32}}) {
    for (const auto& [rows, heads, kvHeads] : {std::array{1, 6, 2}, {2, 14, 2}}) {
      Step step(format, rows, heads, kvHeads, 20, 150, random);
      step.run(Slicing::Whole);
      const int d = format.headDim;
      const double steps = (1 << format.keyBits) - 1;
      const double largest = largestValue(step.store, step.tokens());
      for (int head = 0; head < kvHeads; ++head) {
        const std::set<std::uint32_t> exact(step.selected.begin() + head * step.k,
                                            step.selected.begin() + (head + 1) * step.k);
        QCOMPARE(step.counts[static_cast<std::size_t>(head)], step.k);
        QCOMPARE(exact.size(), static_cast<std::size_t>(step.k));
        for (int row = 0; row < step.queries.scoreRows(); ++row) {
          PlainAttention plain(d);
          double scoreError = 0;
          for (std::int64_t token = 0; token < step.tokens(); ++token) {
            const bool low = token >= Step::kIslands && token < step.blocks * 64 &&
                             exact.count(static_cast<std::uint32_t>(token)) == 0;
            if (!low) {
              plain.see(exactScore(step.store, step.queries, head, row, token),
                        [&](int c) { return step.store.number(head, token, d + c); });
              continue;
            }
            double score = 0;
            double peak = 0;
            for (int c = 0; c < d; ++c) {
              const double x = static_cast<double>(step.queries.scale()) *
                               static_cast<double>(step.queries.at(head, row, c));
              score += x * step.copy.key(head, token, c);
              peak = std::max(peak, std::fabs(x) * step.copy.keyRun(head, token, c).scale);
            }
            // Half of the codes on average and errors of either sign: 5 standard deviations of a
            // sum of d uniform errors of half a step, each times up to `steps`.
            scoreError = std::max(scoreError, 5 * std::sqrt(d / 12.0) * steps * peak / 127);
            plain.see(score, [&](int c) { return step.copy.value(head, token, c); });
          }
          const double allowed = (std::exp(2 * scoreError) - 1 + 3 * 64 / 510.0 / 8) * largest / 4;
          const int t = row / step.queries.group();
          const int queryHead = head * step.queries.group() + row % step.queries.group();
          for (int c = 0; c < d; ++c) {
            const double got = static_cast<double>(
                step.out[static_cast<std::size_t>((t * heads + queryHead) * d + c)]);
            QVERIFY2(
                std::fabs(got - plain.result(c)) <= allowed,
                qPrintable(
                    QString("%1 for %2, allowed %3").arg(got).arg(plain.result(c)).arg(allowed)));
          }
          const float logSum =
              step.logSums[static_cast<std::size_t>(head * step.queries.scoreRows() + row)];
          QVERIFY(std::fabs(static_cast<double>(logSum) - plain.logSum()) <= scoreError + 1e-4);
        }
      }
    }
  }
}

void LowBitStepTest::slicesDoNotMatter() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  for (const LowBitFormat& format : {LowBitFormat{2, 2, 64, LowBitMetadata::Bits8, 64},
                                     {1, 1, 32, LowBitMetadata::Bits8, 128}}) {
    Random random(72);
    Step whole(format, 2, 14, 2, 140, 256, random);
    random.seed(72);
    Step backwards(format, 2, 14, 2, 140, 256, random);
    whole.run(Slicing::Whole);
    backwards.run(Slicing::Backwards);
    QVERIFY(whole.selected == backwards.selected);
    QVERIFY(whole.out == backwards.out);
    QVERIFY(whole.logSums == backwards.logSums);
  }
}

QTEST_APPLESS_MAIN(LowBitStepTest)
#include "lowbit_step_test.moc"
