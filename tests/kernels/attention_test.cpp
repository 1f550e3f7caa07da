// SPDX-License-Identifier: Apache-2.0
// Exact attention, prefill and decode ways, on every instruction set, against doubles.
#include "tests/kernels/fixtures.h"
#include "tests/support/reference.h"

#include <cmath>

using namespace bookwheel;
using kernels::InstructionSet;
using tests::Random;

namespace {

struct Shape {
  int heads;
  int kvHeads;
  int headDim;
  std::int64_t rows;
  std::int64_t first;
};

/// Queries, cache and buffers of one attention problem. The cache ends exactly at its last token,
/// so a sanitizer sees reads past it; the slack between rows holds NaN.
class Problem {
 public:
  Problem(const Shape& shape, bool byToken, Random& random, float keyScale = 1.0F)
      : m_scratch(kernels::attentionScratchBytes(shape.heads, shape.kvHeads, shape.headDim)) {
    const std::int64_t d = shape.headDim;
    const std::int64_t tokens = shape.first + shape.rows;
    const std::int64_t row = 2 * d + (byToken ? 0 : 6);
    m_cache.assign(static_cast<std::size_t>(tokens * shape.kvHeads * row), 0x7E00);
    m_args.kv = {m_cache.data(), byToken ? row : tokens * row, byToken ? shape.kvHeads * row : row,
                 shape.kvHeads, shape.headDim};
    std::normal_distribution<float> normal(0.0F, 1.0F);
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (int h = 0; h < shape.kvHeads; ++h) {
        for (std::int64_t k = 0; k < 2 * d; ++k) {
          const float scale = k < d ? keyScale : 1.0F;
          m_cache[static_cast<std::size_t>(h * m_args.kv.headStride + t * m_args.kv.tokenStride +
                                           k)] =
              reference::toHalf(static_cast<double>(scale * normal(random)));
        }
      }
    }
    const std::int64_t width = shape.heads * d;
    m_args.queryStride = width + 3;
    m_args.outStride = width + 5;
    m_queries =
        tests::randomFloats(static_cast<std::size_t>(shape.rows * m_args.queryStride), random);
    m_out.assign(static_cast<std::size_t>(shape.rows * m_args.outStride), 77.0F);
    m_partials.resize(static_cast<std::size_t>(
        kernels::attentionPartialFloats(shape.heads, shape.headDim, shape.rows, tokens)));
    m_args.queries = m_queries.data();
    m_args.rows = shape.rows;
    m_args.first = shape.first;
    m_args.heads = shape.heads;
    m_args.scale = 1.0F / std::sqrt(static_cast<float>(shape.headDim));
    m_args.out = m_out.data();
    m_args.partials = m_partials.data();
    m_args.scratch = m_scratch.data();
  }

  kernels::AttentionArgs& args() { return m_args; }

  void prefill() {
    const std::int64_t units = kernels::attentionPrefillUnits(m_args);
    kernels::attentionPrefill(m_args, {units / 2, units});
    kernels::attentionPrefill(m_args, {0, units / 2});
  }

  void decode() {
    const std::int64_t units = kernels::attentionDecodeUnits(m_args);
    kernels::attentionDecode(m_args, {units / 2, units});
    kernels::attentionDecode(m_args, {0, units / 2});
    const std::int64_t pairs = m_args.rows * m_args.heads;
    kernels::attentionCombine(m_args, {0, pairs / 2});
    kernels::attentionCombine(m_args, {pairs / 2, pairs});
  }

  /// The largest error, in units of the largest |value| of the cache.
  void check(double allowed) const {
    const auto expected = reference::attention(m_args);
    const std::int64_t width = std::int64_t{m_args.heads} * m_args.kv.headDim;
    for (std::int64_t t = 0; t < m_args.rows; ++t) {
      for (std::int64_t i = 0; i < m_args.outStride; ++i) {
        const float got = m_out[static_cast<std::size_t>(t * m_args.outStride + i)];
        if (i >= width) {
          QCOMPARE(got, 77.0F);
          continue;
        }
        const double wanted = expected[static_cast<std::size_t>(t * width + i)];
        QVERIFY2(std::fabs(static_cast<double>(got) - wanted) <= allowed,
                 qPrintable(QString("row %1, output %2: %3 for %4")
                                .arg(t)
                                .arg(i)
                                .arg(static_cast<double>(got))
                                .arg(wanted)));
      }
    }
  }

 private:
  std::vector<std::uint16_t> m_cache;
  std::vector<float> m_queries;
  std::vector<float> m_out;
  std::vector<float> m_partials;
  tests::AlignedBytes m_scratch;
  kernels::AttentionArgs m_args{};
};

// A score is a sum of d products in float: it is off by at most about d / 2 half units of its
// magnitudes, which with unit normal numbers stay below 4 sqrt(d) after scaling; a weight is off by
// as much, relatively. Weights sum to 1 and values are below 5.5, so: (d / 2) * 2^-24 * 4 sqrt(d)
// * 5.5, and 40 half units for exponentials and sums.
double bound(int d) {
  const double score = d / 2.0 * 4 * std::sqrt(static_cast<double>(d));
  return (score + 40) * 5.5 * 0x1p-24;
}

}  // namespace

class AttentionTest : public QObject {
  Q_OBJECT

 private slots:
  void prefill_data() { addProblems(); }
  void prefill();
  void decode_data() { addProblems(); }
  void decode();
  void peakedScores_data() { addSets(); }
  void peakedScores();
  void nanQueriesShow_data() { addSets(); }
  void nanQueriesShow();

 private:
  static void addSets() {
    QTest::addColumn<InstructionSet>("set");
    for (const InstructionSet set : kernels::supportedInstructionSets()) {
      QTest::newRow(kernels::name(set)) << set;
    }
  }
  static void addProblems() {
    QTest::addColumn<InstructionSet>("set");
    QTest::addColumn<int>("heads");
    QTest::addColumn<int>("kvHeads");
    QTest::addColumn<int>("headDim");
    for (const InstructionSet set : kernels::supportedInstructionSets()) {
      for (const auto& [heads, kvHeads, headDim] : {std::array{9, 3, 64},
                                                    {14, 2, 64},
                                                    {12, 2, 128},
                                                    {2, 2, 80},
                                                    {4, 1, 96},
                                                    {8, 1, 256},
                                                    {5, 1, 16},
                                                    {2, 1, 112},
                                                    {2, 1, 240}}) {
        QTest::addRow("%s %d/%d x %d", kernels::name(set), heads, kvHeads, headDim)
            << set << heads << kvHeads << headDim;
      }
    }
  }
};

void AttentionTest::prefill() {
  QFETCH(InstructionSet, set);
  QFETCH(int, heads);
  QFETCH(int, kvHeads);
  QFETCH(int, headDim);
  const tests::WithInstructionSet with(set);
  Random random(30);
  // (rows, first): around the query tile of 32 and the key tile of 64.
  for (const auto& [rows, first] :
       {std::array{1, 0}, {2, 63}, {17, 0}, {32, 64}, {70, 33}, {33, 200}}) {
    for (const bool byToken : {true, false}) {
      Problem problem({heads, kvHeads, headDim, rows, first}, byToken, random);
      problem.prefill();
      problem.check(bound(headDim));
      if (QTest::currentTestFailed()) {
        qWarning("rows %d, first %d", rows, first);
        return;
      }
    }
  }
}

void AttentionTest::decode() {
  QFETCH(InstructionSet, set);
  QFETCH(int, heads);
  QFETCH(int, kvHeads);
  QFETCH(int, headDim);
  const tests::WithInstructionSet with(set);
  Random random(31);
  // (rows, first): around the chunk of 512; the last has rows that see nothing of the last chunk.
  for (const auto& [rows, first] :
       {std::array{1, 0}, {1, 77}, {2, 511}, {3, 512}, {8, 1020}, {5, 100}, {1, 1300}}) {
    for (const bool byToken : {true, false}) {
      Problem problem({heads, kvHeads, headDim, rows, first}, byToken, random);
      problem.decode();
      problem.check(bound(headDim));
      if (QTest::currentTestFailed()) {
        qWarning("rows %d, first %d", rows, first);
        return;
      }
    }
  }
}

// Keys 30 times larger: scores of hundreds, one token takes nearly all, others underflow to
// nothing. The maximum must be subtracted, chunks far below the maximum must vanish.
void AttentionTest::peakedScores() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(32);
  Problem decode({9, 3, 64, 2, 1500}, true, random, 30.0F);
  decode.decode();
  decode.check(30 * bound(64));  // scores and with them their errors are 30 times larger
  Problem prefill({9, 3, 64, 40, 300}, true, random, 30.0F);
  prefill.prefill();
  prefill.check(30 * bound(64));
}

void AttentionTest::nanQueriesShow() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(33);
  Problem problem({2, 1, 64, 2, 70}, true, random);
  const_cast<float*>(problem.args().queries)[3] = std::numeric_limits<float>::quiet_NaN();
  problem.decode();
  QVERIFY(std::isnan(problem.args().out[0]));
  QVERIFY(!std::isnan(problem.args().out[64]));  // the other head
  problem.prefill();
  QVERIFY(std::isnan(problem.args().out[0]));
  QVERIFY(!std::isnan(problem.args().out[64]));
}

QTEST_APPLESS_MAIN(AttentionTest)
#include "attention_test.moc"
