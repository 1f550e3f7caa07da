// SPDX-License-Identifier: Apache-2.0
// Selection on every instruction set: exactly the k best of the given scores, ties by the lower
// token.
#include "tests/kernels/lowbit_fixtures.h"
#include "tests/support/seeded_random.h"

#include <algorithm>
#include <numeric>

using namespace bookwheel;
using kernels::InstructionSet;
using tests::kInfinity;
using tests::Random;
using tests::Scores;
using tests::Slicing;

namespace {

/// Runs both operations; the tokens of each head.
std::vector<std::vector<std::uint32_t>> select(const Scores& scores, int kvHeads, int firstRow,
                                               int rowCount, int k, const float* shifts = nullptr,
                                               Slicing slicing = Slicing::Whole) {
  tests::AlignedBytes scratch(kernels::lowBitSelectScratchBytes(kvHeads, scores.rows().blocks, k));
  std::vector<std::uint32_t> selected(static_cast<std::size_t>(kvHeads * k), 0xFFFFFFFF);
  std::vector<std::int32_t> counts(static_cast<std::size_t>(kvHeads), -1);
  const kernels::LowBitSelectArgs args{scores.rows(),   firstRow,      rowCount,
                                       shifts,          kvHeads,       k,
                                       selected.data(), counts.data(), scratch.data()};
  tests::runUnits(kernels::lowBitSelectParts, args, kernels::lowBitSelectPartUnits(args), slicing);
  tests::runUnits(kernels::lowBitSelectJoin, args, std::int64_t{kvHeads}, slicing);
  std::vector<std::vector<std::uint32_t>> heads;
  for (int h = 0; h < kvHeads; ++h) {
    const auto begin = selected.begin() + h * k;
    const std::int32_t count = counts[static_cast<std::size_t>(h)];
    heads.emplace_back(begin, begin + std::max(count, 0));
    for (int i = count; i < k; ++i) {  // room that is not used stays as it was
      if (begin[i] != 0xFFFFFFFF) {
        heads.back().push_back(0xDEADBEEF);
      }
    }
  }
  return heads;
}

}  // namespace

class LowBitSelectTest : public QObject {
  Q_OBJECT

 private slots:
  void takesTheLargestSums_data() { addSets(); }
  void takesTheLargestSums();
  void lowerTokenWinsTies_data() { addSets(); }
  void lowerTokenWinsTies();
  void fewerCandidates_data() { addSets(); }
  void fewerCandidates();
  void usesShifts_data() { addSets(); }
  void usesShifts();
  void shiftsAreLogSums_data() { addSets(); }
  void shiftsAreLogSums();
  void farBelowTheMaximum_data() { addSets(); }
  void farBelowTheMaximum();
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

/// Every token that is taken has a sum at least as large as every token that is not, within the
/// float roundings of up to 16 exponentials (2 units in the last place each) and their sum.
void checkLargest(Scores& scores, int head, int firstRow, int rowCount, int k,
                  const std::vector<std::uint32_t>& selected) {
  const std::int64_t tokens = scores.rows().blocks * 64;
  std::vector<double> sums(static_cast<std::size_t>(tokens), 0.0);
  for (int r = firstRow; r < firstRow + rowCount; ++r) {
    double shift = -1e300;
    for (std::int64_t t = 0; t < tokens; ++t) {
      shift = std::max(shift, static_cast<double>(scores.at(head, r, t)));
    }
    for (std::int64_t t = 0; t < tokens; ++t) {
      sums[static_cast<std::size_t>(t)] +=
          std::exp(static_cast<double>(scores.at(head, r, t)) - shift);
    }
  }
  QCOMPARE(selected.size(), static_cast<std::size_t>(std::min<std::int64_t>(k, tokens)));
  QVERIFY(std::adjacent_find(selected.begin(), selected.end(), std::greater_equal<>()) ==
          selected.end());  // ascending, no token twice
  std::vector<bool> taken(sums.size(), false);
  double least = 1e300;
  for (const std::uint32_t token : selected) {
    QVERIFY(token < tokens);
    taken[token] = true;
    least = std::min(least, sums[token]);
  }
  for (std::size_t t = 0; t < sums.size(); ++t) {
    QVERIFY2(taken[t] || sums[t] <= least * (1 + 1e-5),
             qPrintable(QString("token %1 has %2, the least that was taken %3")
                            .arg(t)
                            .arg(sums[t])
                            .arg(least)));
  }
}

}  // namespace

void LowBitSelectTest::takesTheLargestSums() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(60);
  // Around a part of 128 blocks; rows all, some, one; scores flat and peaked.
  for (const std::int64_t blocks : {1, 5, 127, 128, 129, 300}) {
    for (const auto& [rows, firstRow, rowCount] :
         {std::array{1, 0, 1}, {3, 0, 3}, {6, 3, 3}, {16, 0, 16}}) {
      for (const float width : {0.5F, 4.0F}) {
        Scores scores(2, rows, blocks);
        std::normal_distribution<float> normal(3.0F, width);
        for (int head = 0; head < 2; ++head) {
          for (int row = 0; row < rows; ++row) {
            for (std::int64_t token = 0; token < blocks * 64; ++token) {
              scores.at(head, row, token) = normal(random) + (token % 1000 < 64 ? width : 0.0F);
            }
          }
        }
        scores.weigh();
        for (const int k : {1, 17, 64, 256, 1000, 9000}) {
          if (width > 1 && k % 2 == 0) {
            continue;  // half of the combinations are enough
          }
          const auto selected = select(scores, 2, firstRow, rowCount, k);
          for (int head = 0; head < 2; ++head) {
            if (blocks * 64 >= k) {
              checkLargest(scores, head, firstRow, rowCount, k,
                           selected[static_cast<std::size_t>(head)]);
            } else {
              QCOMPARE(selected[static_cast<std::size_t>(head)].size(),
                       static_cast<std::size_t>(blocks * 64));
            }
            if (QTest::currentTestFailed()) {
              qWarning("blocks %d, rows %d, k %d", static_cast<int>(blocks), rows, k);
              return;
            }
          }
        }
      }
    }
  }
}

// Scores from a handful of numbers, the same in every row of a token: classes of hundreds of equal
// sums, and the expected set is a plain sort.
void LowBitSelectTest::lowerTokenWinsTies() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(61);
  for (const int kinds : {1, 2, 7}) {
    for (const std::int64_t blocks : {3, 140, 270}) {
      Scores scores(1, 3, blocks);
      std::uniform_int_distribution<int> number(1, kinds);
      for (std::int64_t token = 0; token < blocks * 64; ++token) {
        const auto score = -static_cast<float>(number(random));
        for (int row = 0; row < 3; ++row) {
          scores.at(0, row, token) = score;
        }
      }
      scores.weigh();
      std::vector<std::uint32_t> order(static_cast<std::size_t>(blocks * 64));
      std::iota(order.begin(), order.end(), 0U);
      std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return scores.at(0, 0, a) > scores.at(0, 0, b);
      });
      for (const int k : {1, 50, 190, 1024}) {
        const auto count = std::min<std::ptrdiff_t>(k, std::ssize(order));
        std::vector<std::uint32_t> expected(order.begin(), order.begin() + count);
        std::sort(expected.begin(), expected.end());
        QVERIFY(select(scores, 1, 0, 3, k)[0] == expected);
      }
    }
  }
}

// Hidden tokens and NaN are never taken, not even where fewer than k are left.
void LowBitSelectTest::fewerCandidates() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(62);
  std::normal_distribution<float> normal;
  for (const std::int64_t blocks : {2, 130}) {
    Scores scores(1, 2, blocks);
    std::vector<std::uint32_t> candidates;
    for (std::int64_t token = 0; token < blocks * 64; ++token) {
      const bool hidden = token < 70 || token % 3 != 0;
      scores.at(0, 0, token) = hidden ? -kInfinity : normal(random);
      scores.at(0, 1, token) = hidden ? (token % 2 == 0 ? NAN : -kInfinity) : normal(random);
      if (!hidden) {
        candidates.push_back(static_cast<std::uint32_t>(token));
      }
    }
    scores.weigh();
    const int all = static_cast<int>(candidates.size());
    for (const int k : {all, all + 1, all + 5000}) {
      QVERIFY(select(scores, 1, 0, 2, k)[0] == candidates);
    }
    const std::vector<std::uint32_t> fewer = select(scores, 1, 0, 2, all - 1)[0];
    QCOMPARE(fewer.size(), candidates.size() - 1);
    QVERIFY(std::includes(candidates.begin(), candidates.end(), fewer.begin(), fewer.end()));
  }
  Scores nothing(1, 1, 2);
  for (std::int64_t token = 0; token < 128; ++token) {
    nothing.at(0, 0, token) = token % 2 == 0 ? NAN : -kInfinity;
  }
  nothing.weigh();
  QVERIFY(select(nothing, 1, 0, 1, 5)[0].empty());
}

// With one row 20 lower a shift of its own decides whether it counts: without, both rows' best
// weigh the same; with one shift for both, the second hardly counts.
void LowBitSelectTest::usesShifts() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Scores scores(1, 2, 2);
  for (std::int64_t token = 0; token < 128; ++token) {
    scores.at(0, 0, token) = token == 10 ? 5.0F : token == 11 ? 4.0F : 0.0F;
    scores.at(0, 1, token) = token == 90 ? -15.0F : -20.0F;
  }
  scores.weigh();
  QVERIFY((select(scores, 1, 0, 2, 2)[0] == std::vector<std::uint32_t>{10, 90}));
  const float shifts[] = {5.0F, 5.0F};
  QVERIFY((select(scores, 1, 0, 2, 2, shifts)[0] == std::vector<std::uint32_t>{10, 11}));
}

// One token so far above the rest that their exponentials are 0: they are equal then, and still
// candidates.
void LowBitSelectTest::shiftsAreLogSums() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  constexpr int kHeads = 2;
  constexpr int kRows = 3;
  constexpr int kBlocks = 21;
  constexpr int kPartials = 4;
  constexpr int kD = 32;
  SeededRandom random(5);
  Scores scores(kHeads, kRows, kBlocks);
  tests::Partials partials(kHeads, kPartials, kRows, kD);
  std::vector<double> expected;
  for (int h = 0; h < kHeads; ++h) {
    for (int r = 0; r < kRows; ++r) {
      double sum = 0;
      // The last row sees nothing at all.
      const bool blind = h == 1 && r == kRows - 1;
      for (std::int64_t t = 0; t < kBlocks * 64; ++t) {
        const bool hidden = blind || t < 70;  // a whole block and some more
        scores.at(h, r, t) = hidden ? -kInfinity : 8.0F * random.unit() - 4.0F;
        sum += hidden ? 0.0 : std::exp(static_cast<double>(scores.at(h, r, t)));
      }
      for (int i = 0; i < kPartials; ++i) {
        float* part = partials.at(h, i, r);
        const bool empty = blind || i == 2;
        part[kD] = empty ? -kInfinity : 12.0F * random.unit() - 6.0F;
        part[kD + 1] = empty ? 0.0F : 1.0F + 9.0F * random.unit();
        // Partial 0 belongs to others.
        sum += empty || i == 0
                   ? 0.0
                   : std::exp(static_cast<double>(part[kD])) * static_cast<double>(part[kD + 1]);
      }
      expected.push_back(blind ? 0.0 : std::log(sum));
    }
  }
  scores.weigh();
  std::vector<float> shifts(kHeads * kRows, NAN);
  const kernels::LowBitShiftsArgs args{scores.rows(), partials.get(), 1,
                                       kPartials - 1, kHeads,         shifts.data()};
  tests::runUnits(kernels::lowBitShifts, args, std::int64_t{kHeads}, Slicing::Whole);
  for (std::size_t i = 0; i < shifts.size(); ++i) {
    QVERIFY2(std::abs(static_cast<double>(shifts[i]) - expected[i]) < 1e-3,
             qPrintable(QString("%1 %2 %3").arg(i).arg(shifts[i]).arg(expected[i])));
  }
}

void LowBitSelectTest::farBelowTheMaximum() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Scores scores(1, 1, 130);
  for (std::int64_t token = 0; token < 130 * 64; ++token) {
    scores.at(0, 0, token) = token < 100 ? -kInfinity : token == 8300 ? 1000.0F : 0.0F;
  }
  scores.weigh();
  QVERIFY((select(scores, 1, 0, 1, 4)[0] == std::vector<std::uint32_t>{100, 101, 102, 8300}));
}

void LowBitSelectTest::slicesDoNotMatter() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(63);
  std::normal_distribution<float> normal;
  Scores scores(3, 2, 400);
  for (int head = 0; head < 3; ++head) {
    for (int row = 0; row < 2; ++row) {
      for (std::int64_t token = 0; token < 400 * 64; ++token) {
        scores.at(head, row, token) = normal(random);
      }
    }
  }
  scores.weigh();
  QVERIFY(select(scores, 3, 0, 2, 256) ==
          select(scores, 3, 0, 2, 256, nullptr, Slicing::Backwards));
}

QTEST_APPLESS_MAIN(LowBitSelectTest)
#include "lowbit_select_test.moc"
