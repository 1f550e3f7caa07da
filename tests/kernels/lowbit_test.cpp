// SPDX-License-Identifier: Apache-2.0
// The low-bit copy on every instruction set: what quantizing keeps, scores and values against
// doubles over the copy read back.
#include "tests/kernels/lowbit_fixtures.h"

#include <algorithm>
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
using tests::Store;

Q_DECLARE_METATYPE(bookwheel::kernels::LowBitFormat)

// All of this runs in one thread: ThreadSanitizer takes ten times as long and has little to see, so
// a fifth of the forms is enough for it.
#ifdef __SANITIZE_THREAD__
static constexpr std::size_t kFormatStep = 5;
#else
static constexpr std::size_t kFormatStep = 1;
#endif

class LowBitTest : public QObject {
  Q_OBJECT

 private slots:
  void knowsFormats();
  void countsEveryByte();
  void quantizes_data() { addFormats(); }
  void quantizes();
  void equalNumbersStay_data() { addFormats(); }
  void equalNumbersStay();
  void setsAgreeOnCodes();
  void scores_data() { addFormats(); }
  void scores();
  void varianceIsTakenOff_data() { addSets(); }
  void varianceIsTakenOff();
  void nanQueriesShow_data() { addSets(); }
  void nanQueriesShow();
  void values_data() { addFormats(); }
  void values();
  void wrongHighScoresAreExcluded_data() { addSets(); }
  void wrongHighScoresAreExcluded();

 private:
  static void addSets() {
    QTest::addColumn<InstructionSet>("set");
    for (const InstructionSet set : kernels::supportedInstructionSets()) {
      QTest::newRow(kernels::name(set)) << set;
    }
  }
  static void addFormats() {
    QTest::addColumn<InstructionSet>("set");
    QTest::addColumn<LowBitFormat>("format");
    for (const InstructionSet set : kernels::supportedInstructionSets()) {
      const std::vector<LowBitFormat> formats = tests::lowBitFormats();
      for (std::size_t i = 0; i < formats.size(); i += kFormatStep) {
        QTest::addRow("%s %s", kernels::name(set), tests::nameOf(formats[i]).constData())
            << set << formats[i];
      }
    }
  }
};

void LowBitTest::knowsFormats() {
  for (const LowBitFormat& format : tests::lowBitFormats()) {
    QVERIFY(kernels::isLowBitFormat(format));
  }
  for (const LowBitFormat& format : {LowBitFormat{3, 2, 64, LowBitMetadata::Bits8, 64},
                                     {2, 0, 64, LowBitMetadata::Bits8, 64},
                                     {2, 2, 128, LowBitMetadata::Bits8, 64},
                                     {2, 2, 64, LowBitMetadata::Bits8, 80},
                                     {2, 2, 64, LowBitMetadata::Bits8, 288},
                                     {2, 2, 64, LowBitMetadata::Bits8, 0}}) {
    QVERIFY(!kernels::isLowBitFormat(format));
  }
}

// Bits an element, everything counted: 2 + 16 / 64 and 1 + 16 / 64 with 8-bit metadata.
void LowBitTest::countsEveryByte() {
  const auto bits = [](const LowBitFormat& f) {
    return 8.0 *
           static_cast<double>(kernels::lowBitKeyBlockBytes(f) +
                               kernels::lowBitValueBlockBytes(f)) /
           (2.0 * 64 * f.headDim);
  };
  for (const int d : {64, 128, 256}) {
    QCOMPARE(bits({2, 2, 64, LowBitMetadata::Bits8, d}), 2.25);
    QCOMPARE(bits({1, 1, 64, LowBitMetadata::Bits8, d}), 1.25);
    QCOMPARE(bits({2, 2, 32, LowBitMetadata::Bits8, d}), 2.5);
    QCOMPARE(bits({2, 2, 64, LowBitMetadata::Bits16, d}), 2.5);
  }
  for (const LowBitFormat& format : tests::lowBitFormats()) {
    QCOMPARE(kernels::lowBitKeyBlockBytes(format) % 64, 0);
    QCOMPARE(kernels::lowBitValueBlockBytes(format) % 64, 0);
  }
}

namespace {

/// One group of numbers and what became of them.
struct Group {
  std::vector<double> from;
  std::vector<double> back;
  double first = 0;  // wanted level of code 0
  double last = 0;   // wanted level of the largest code
  void measure(int bits) {
    const auto [low, high] = std::minmax_element(from.begin(), from.end());
    first = bits == 1 ? (3 * *low + *high) / 4 : *low;
    last = bits == 1 ? (*low + 3 * *high) / 4 : *high;
  }
};

/// The groups of keys or values of one block.
std::vector<Group> groupsOf(const Store& store, const Copy& copy, int head, std::int64_t block,
                            bool keys) {
  const LowBitFormat& f = copy.kv().format;
  const int d = f.headDim;
  const int runs = keys ? 64 / f.group : (d + f.group - 1) / f.group;
  const int across = keys ? d : 64;
  std::vector<Group> groups(static_cast<std::size_t>(runs * across));
  for (int i = 0; i < 64; ++i) {
    for (int c = 0; c < d; ++c) {
      const int at = keys ? i / f.group * d + c : c / f.group * 64 + i;
      Group& group = groups[static_cast<std::size_t>(at)];
      const std::int64_t token = block * 64 + i;
      group.from.push_back(store.number(head, token, keys ? c : d + c));
      group.back.push_back(keys ? copy.key(head, token, c) : copy.value(head, token, c));
    }
  }
  for (Group& group : groups) {
    group.measure(keys ? f.keyBits : f.valueBits);
  }
  return groups;
}

/// 16-bit metadata: every number has the level nearest to it, of those that the rounded scale and
/// zero give. Float arithmetic may choose either where two are equally near.
void checkGroup16(const Group& group, int bits) {
  const double steps = (1 << bits) - 1;
  const double zero = reference::fromHalf(reference::toHalf(group.first));
  const double scale = reference::fromHalf(reference::toHalf((group.last - group.first) / steps));
  for (std::size_t i = 0; i < group.from.size(); ++i) {
    const double code = scale > 0 ? (group.from[i] - zero) / scale : 0;
    const double low = std::clamp(std::round(code - 1e-4), 0.0, steps);
    const double high = std::clamp(std::round(code + 1e-4), 0.0, steps);
    const double tolerance = 0x1p-22 * (std::fabs(zero) + steps * scale);
    QVERIFY2(std::fabs(group.back[i] - (zero + low * scale)) <= tolerance ||
                 std::fabs(group.back[i] - (zero + high * scale)) <= tolerance,
             qPrintable(QString("%1 became %2; zero %3, scale %4")
                            .arg(group.from[i])
                            .arg(group.back[i])
                            .arg(zero)
                            .arg(scale)));
  }
}

/// 8-bit metadata: a number is within half a scale of its level, and the ends of the levels are
/// where they should be within the rounding of zeros (half a step of the range of zeros / 255) and
/// of scales (codes are roots, in steps of 1/127 of the largest root).
void checkGroups8(const std::vector<Group>& groups, int bits) {
  const double steps = (1 << bits) - 1;
  double lowest = 1e300;
  double highest = -1e300;
  double widest = 0;
  for (const Group& group : groups) {
    lowest = std::min(lowest, group.first);
    highest = std::max(highest, group.first);
    widest = std::max(widest, (group.last - group.first) / steps);
  }
  constexpr double kHalf = 1 + 0x1p-9;  // ranges are f16, rounded away from the middle
  const double zeroError =
      0.5 * ((highest - lowest) / 255 + std::fabs(lowest) * 0x1p-10 / 255) * kHalf + 1e-9;
  const double top = (widest + zeroError / steps) * kHalf;
  for (const Group& group : groups) {
    const double scale = (group.last - group.first) / steps + zeroError / steps;
    const double scaleError = std::sqrt(top * scale) / 127 * kHalf + top / (4 * 127 * 127) + 1e-9;
    const double allowed = (scale + scaleError) / 2 + std::max(zeroError, steps * scaleError) +
                           1e-6 * std::fabs(lowest);
    for (std::size_t i = 0; i < group.from.size(); ++i) {
      QVERIFY2(std::fabs(group.back[i] - group.from[i]) <= allowed,
               qPrintable(QString("%1 became %2, allowed %3")
                              .arg(group.from[i])
                              .arg(group.back[i])
                              .arg(allowed)));
    }
    QVERIFY(std::set<double>(group.back.begin(), group.back.end()).size() <=
            static_cast<std::size_t>(1 << bits));
  }
}

}  // namespace

void LowBitTest::quantizes() {
  QFETCH(InstructionSet, set);
  QFETCH(LowBitFormat, format);
  const tests::WithInstructionSet with(set);
  Random random(50);
  const Store store(2, format.headDim, 3 * 64, random);
  const Copy copy(store, format, 3);
  for (int head = 0; head < 2; ++head) {
    for (std::int64_t block = 0; block < 3; ++block) {
      for (const bool keys : {true, false}) {
        const int bits = keys ? format.keyBits : format.valueBits;
        const std::vector<Group> groups = groupsOf(store, copy, head, block, keys);
        if (format.metadata == LowBitMetadata::Bits8) {
          checkGroups8(groups, bits);
        } else {
          for (const Group& group : groups) {
            checkGroup16(group, bits);
          }
        }
        if (QTest::currentTestFailed()) {
          qWarning("head %d, block %d, %s", head, static_cast<int>(block),
                   keys ? "keys" : "values");
          return;
        }
      }
    }
  }
}

// One number a channel for keys, one a token for values: scale 0. Zeros from -300 to 300, so the
// stored ones are 600 / 255 apart.
void LowBitTest::equalNumbersStay() {
  QFETCH(InstructionSet, set);
  QFETCH(LowBitFormat, format);
  const tests::WithInstructionSet with(set);
  Random random(51);
  const int d = format.headDim;
  Store store(1, d, 64, random);
  std::uniform_real_distribution<double> number(-300, 300);
  for (int c = 0; c < d; ++c) {
    const std::uint16_t half = reference::toHalf(number(random));
    for (int t = 0; t < 64; ++t) {
      store.at(0, t, c) = half;
    }
  }
  for (int t = 0; t < 64; ++t) {
    const std::uint16_t half = reference::toHalf(number(random));
    for (int c = 0; c < d; ++c) {
      store.at(0, t, d + c) = half;
    }
  }
  const Copy copy(store, format, 1);
  const double allowed = format.metadata == LowBitMetadata::Bits16 ? 0 : 600 / 255.0 / 2 * 1.01;
  for (int t = 0; t < 64; ++t) {
    for (int c = 0; c < d; ++c) {
      QVERIFY(std::fabs(copy.key(0, t, c) - store.number(0, t, c)) <= allowed);
      QVERIFY(std::fabs(copy.value(0, t, c) - store.number(0, t, d + c)) <= allowed);
    }
  }
}

// The bytes do not depend on the instruction set: a copy may be written by one and read by another.
void LowBitTest::setsAgreeOnCodes() {
  for (const LowBitFormat& format : tests::lowBitFormats()) {
    Random random(52);
    const Store store(1, format.headDim, 128, random);
    std::vector<std::byte> first;
    for (const InstructionSet set : kernels::supportedInstructionSets()) {
      const tests::WithInstructionSet with(set);
      const Copy copy(store, format, 2);
      const kernels::LowBitKv& kv = copy.kv();
      std::vector<std::byte> bytes(kv.keys, kv.keys + kv.keyHeadStride);
      bytes.insert(bytes.end(), kv.values, kv.values + kv.valueHeadStride);
      if (first.empty()) {
        first = bytes;
      }
      QVERIFY2(bytes == first, tests::nameOf(format).constData());
    }
  }
}

namespace {

kernels::LowBitScoresArgs scoresArgs(const Copy& copy, const Queries& queries, const Scores& out,
                                     std::int64_t firstCandidate = 0, bool correct = false) {
  return {copy.kv(),       queries.data.data(), queries.stride, queries.rows, queries.heads,
          queries.scale(), firstCandidate,      correct,        out.rows()};
}

std::int64_t chunkUnits(const Copy& copy) {
  return copy.kv().kvHeads * kernels::lowBitChunks(copy.blocks());
}

/// Relative error of a weight: exponentialNear() and its argument.
constexpr double kWeightError = 3e-6;

/// A score in doubles, and how far the kernel's may be: x_c = scale q_c s_c is off by half a step
/// of max |x| / 127 for every code, the rest is d + 10 float roundings of the magnitudes.
struct Wanted {
  double score;
  double allowed;
};
Wanted wantedScore(const Copy& copy, const Queries& q, int head, int row, std::int64_t token) {
  double score = 0;
  double peak = 0;
  double magnitudes = 0;
  double codes = 0;
  for (int c = 0; c < q.d; ++c) {
    const double x = static_cast<double>(q.scale()) * static_cast<double>(q.at(head, row, c));
    const Copy::Run& run = copy.keyRun(head, token, c);
    const double scale = run.scale;
    score += x * copy.key(head, token, c);
    magnitudes += std::fabs(x) * (std::fabs(copy.key(head, token, c)) + 15 * scale);
    peak = std::max(peak, std::fabs(x) * scale);
    codes += scale > 0 ? (copy.key(head, token, c) - run.low) / scale : 0;
  }
  return {score, codes * peak / 254 * 1.001 + (q.d + 10) * 0x1p-24 * magnitudes};
}

}  // namespace

void LowBitTest::scores() {
  QFETCH(InstructionSet, set);
  QFETCH(LowBitFormat, format);
  const tests::WithInstructionSet with(set);
  Random random(53);
  const int d = format.headDim;
  // (rows, heads, KV heads): R = 1, 3, 7, 12, 16.
  for (const auto& [rows, heads, kvHeads] :
       {std::array{1, 2, 2}, {1, 6, 2}, {1, 7, 1}, {2, 12, 2}, {2, 8, 1}}) {
    const std::int64_t blocks = 9;  // two chunks
    const Store store(kvHeads, d, blocks * 64, random);
    const Copy copy(store, format, blocks);
    const Queries queries(rows, heads, kvHeads, d, random);
    Scores out(kvHeads, queries.scoreRows(), blocks);
    const std::int64_t hidden = 70;
    const auto args = scoresArgs(copy, queries, out, hidden);
    tests::runUnits(kernels::lowBitScores, args, chunkUnits(copy));
    for (int head = 0; head < kvHeads; ++head) {
      for (int row = 0; row < queries.scoreRows(); ++row) {
        for (std::int64_t token = 0; token < blocks * 64; token += token < 130 ? 3 : 17) {
          if (token < hidden) {
            QVERIFY(out.noCandidate(head, row, token));
            continue;
          }
          const double got = out.weighed(head, row, token);
          const Wanted wanted = wantedScore(copy, queries, head, row, token);
          QVERIFY2(std::fabs(got - wanted.score) <= wanted.allowed + kWeightError,
                   qPrintable(QString("head %1 row %2 token %3: %4 for %5, allowed %6")
                                  .arg(head)
                                  .arg(row)
                                  .arg(token)
                                  .arg(got)
                                  .arg(wanted.score)
                                  .arg(wanted.allowed)));
        }
        for (std::int64_t b = 0; b < blocks; ++b) {
          if (b * 64 + 64 <= hidden) {
            QCOMPARE(out.maximum(head, row, b), -kInfinity);
            QCOMPARE(out.sum(head, row, b), 0.0F);
            continue;
          }
          float most = 0;
          for (std::int64_t t = b * 64; t < b * 64 + 64; ++t) {
            most = std::max(most, out.weight(head, row, t));
          }
          QVERIFY(std::fabs(static_cast<double>(most) - 1) <= kWeightError);
          const double sum = out.plainSum(head, row, b);
          QVERIFY(std::abs(static_cast<double>(out.sum(head, row, b)) - sum) <= 1e-6 * sum);
        }
      }
    }
  }
}

void LowBitTest::varianceIsTakenOff() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(54);
  for (const int group : {32, 64}) {
    const LowBitFormat format{2, 2, group, LowBitMetadata::Bits8, 64};
    const Store store(1, 64, 128, random);
    const Copy copy(store, format, 2);
    const Queries queries(1, 3, 1, 64, random);
    Scores plain(1, 3, 2);
    Scores corrected(1, 3, 2);
    tests::runUnits(kernels::lowBitScores, scoresArgs(copy, queries, plain), chunkUnits(copy));
    tests::runUnits(kernels::lowBitScores, scoresArgs(copy, queries, corrected, 0, true),
                    chunkUnits(copy));
    for (int row = 0; row < 3; ++row) {
      for (std::int64_t token = 0; token < 128; ++token) {
        double variance = 0;
        double magnitude = 0;
        for (int c = 0; c < 64; ++c) {
          const double x = static_cast<double>(queries.scale() * queries.at(0, row, c)) *
                           copy.keyRun(0, token, c).scale;
          variance += x * x / 12;
          magnitude += std::fabs(static_cast<double>(queries.scale() * queries.at(0, row, c)) *
                                 copy.key(0, token, c));
        }
        const double taken = plain.weighed(0, row, token) - corrected.weighed(0, row, token);
        // Both scores are rounded to float, and their starts, and come as weights.
        QVERIFY(std::fabs(taken - variance / 2) <= 0x1p-20 * (magnitude + 1) + 2 * kWeightError);
      }
    }
  }
}

void LowBitTest::nanQueriesShow() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(55);
  const LowBitFormat format{2, 2, 64, LowBitMetadata::Bits8, 64};
  const Store store(1, 64, 128, random);
  const Copy copy(store, format, 2);
  Queries queries(1, 2, 1, 64, random);
  queries.data[64 + 7] = NAN;  // head 1
  Scores out(1, 2, 2);
  tests::runUnits(kernels::lowBitScores, scoresArgs(copy, queries, out), chunkUnits(copy));
  for (std::int64_t token = 0; token < 128; ++token) {
    QVERIFY(std::isfinite(out.weight(0, 0, token)));
    QVERIFY(std::isnan(out.weight(0, 1, token)));
  }
  QCOMPARE(out.maximum(0, 1, 0), -kInfinity);
  QVERIFY(std::isnan(out.sum(0, 1, 0)));
  tests::Partials partials(1, 1, 2, 64);
  const kernels::LowBitValuesArgs values{copy.kv(), out.rows(),     nullptr, nullptr,
                                         0,         partials.get(), 0};
  tests::runUnits(kernels::lowBitValues, values, chunkUnits(copy));
  std::vector<float> result(128, 0.0F);
  const kernels::JoinPartialsArgs join{partials.get(), 1, 1, 2, 1, result.data(), 128, nullptr};
  tests::runUnits(kernels::joinPartials, join, std::int64_t{2});
  QVERIFY(std::isfinite(result[0]));
  QVERIFY(std::isnan(result[64]));
}

void LowBitTest::values() {
  QFETCH(InstructionSet, set);
  QFETCH(LowBitFormat, format);
  const tests::WithInstructionSet with(set);
  Random random(56);
  const int d = format.headDim;
  for (const int rows : {1, 3, 7, 16}) {
    const std::int64_t blocks = 10;  // a whole chunk and a short one
    const int kvHeads = 2;
    const Store store(kvHeads, d, blocks * 64, random);
    const Copy copy(store, format, blocks);
    Scores scores(kvHeads, rows, blocks);
    std::normal_distribution<float> normal(0.0F, 3.0F);
    for (int head = 0; head < kvHeads; ++head) {
      for (int row = 0; row < rows; ++row) {
        for (std::int64_t token = 0; token < blocks * 64; ++token) {
          scores.at(head, row, token) = token < 70 ? -kInfinity : normal(random);
        }
      }
    }
    scores.weigh();
    // The largest tokens of the first head's first row are excluded, and the edges of blocks.
    std::vector<std::set<std::uint32_t>> sets = {{64, 127, 128, 300, 301, 511, 512, 639}, {}};
    std::vector<std::uint32_t> excluded(32, 0);
    std::copy(sets[0].begin(), sets[0].end(), excluded.begin());
    const std::vector<std::int32_t> counts = {static_cast<std::int32_t>(sets[0].size()), 0};
    std::vector<float> kept;
    for (int head = 0; head < kvHeads; ++head) {
      for (int row = 0; row < rows; ++row) {
        for (std::int64_t token = 0; token < blocks * 64; ++token) {
          kept.push_back(scores.at(head, row, token));
        }
      }
    }
    tests::Partials partials(kvHeads, 3, rows, d);
    const kernels::LowBitValuesArgs args{
        copy.kv(), scores.rows(), excluded.data(), counts.data(), 16, partials.get(), 1};
    tests::runUnits(kernels::lowBitValues, args, chunkUnits(copy));
    std::size_t at = 0;
    for (int head = 0; head < kvHeads; ++head) {
      for (int row = 0; row < rows; ++row, at += static_cast<std::size_t>(blocks * 64)) {
        for (int chunk = 0; chunk < 2; ++chunk) {
          const float* partial = partials.at(head, 1 + chunk, row);
          const double peak = static_cast<double>(partial[d]);
          const std::int64_t end = std::min<std::int64_t>(blocks * 64, (chunk + 1) * 512);
          double total = 0;
          std::vector<double> sums(static_cast<std::size_t>(d), 0.0);
          std::vector<double> allowed(static_cast<std::size_t>(d), 0.0);
          for (std::int64_t block = chunk * 8; block < end / 64; ++block) {
            double largest = 0;  // weight
            std::vector<double> scale(static_cast<std::size_t>(d), 0.0);
            std::vector<double> codes(static_cast<std::size_t>(d), 0.0);
            for (std::int64_t token = block * 64; token < block * 64 + 64; ++token) {
              const bool out = sets[static_cast<std::size_t>(head)].count(
                                   static_cast<std::uint32_t>(token)) != 0;
              const double score = static_cast<double>(kept[at + static_cast<std::size_t>(token)]);
              const double w = out ? 0.0 : std::exp(score - peak);
              total += w;
              largest = std::max(largest, w);
              for (int c = 0; c < d; ++c) {
                const auto i = static_cast<std::size_t>(c);
                sums[i] += w * copy.value(head, token, c);
                const Copy::Run& run = copy.valueRun(head, token, c);
                scale[i] = std::max(scale[i], run.scale);
                if (w > 0 && run.scale > 0) {
                  codes[i] += (copy.value(head, token, c) - run.low) / run.scale;
                }
                allowed[i] += 0x1p-18 * w * (std::fabs(copy.value(head, token, c)) + 1);
              }
            }
            // Half a step of the largest weight times the largest scale / 254.9, for every code.
            for (std::size_t i = 0; i < codes.size(); ++i) {
              allowed[i] += codes[i] * largest * scale[i] / (2 * 254.9) * 1.001;
            }
          }
          QVERIFY(std::fabs(static_cast<double>(partial[d + 1]) - total) <= 1e-5 * total);
          for (int c = 0; c < d; ++c) {
            const auto i = static_cast<std::size_t>(c);
            QVERIFY2(std::fabs(static_cast<double>(partial[c]) - sums[i]) <= allowed[i],
                     qPrintable(QString("head %1 row %2 chunk %3 channel %4: %5 for %6, allowed %7")
                                    .arg(head)
                                    .arg(row)
                                    .arg(chunk)
                                    .arg(c)
                                    .arg(static_cast<double>(partial[c]))
                                    .arg(sums[i])
                                    .arg(allowed[i])));
          }
        }
        for (int c = 0; c < d + kernels::kPartialTail; ++c) {
          QVERIFY(std::isnan(partials.at(head, 0, row)[c]));  // not this call's
        }
      }
    }
  }
}

// A key whose low-bit score is far too high by chance is what the exact pairs are for: without it
// the other tokens must keep their weights and all 8 bits of them, not vanish below its maximum.
void LowBitTest::wrongHighScoresAreExcluded() {
  QFETCH(InstructionSet, set);
  const tests::WithInstructionSet with(set);
  Random random(57);
  const LowBitFormat format{2, 2, 64, LowBitMetadata::Bits8, 64};
  const Store store(1, 64, 128, random);
  const Copy copy(store, format, 2);
  Scores scores(1, 1, 2);
  for (std::int64_t token = 0; token < 128; ++token) {
    scores.at(0, 0, token) = 0.0F;
  }
  scores.at(0, 0, 77) = 60.0F;
  scores.weigh();
  const std::uint32_t excluded[] = {77};
  const std::int32_t count[] = {1};
  tests::Partials partials(1, 1, 1, 64);
  const kernels::LowBitValuesArgs args{copy.kv(), scores.rows(),  excluded, count,
                                       1,         partials.get(), 0};
  tests::runUnits(kernels::lowBitValues, args, std::int64_t{1});
  const float* partial = partials.at(0, 0, 0);
  const double factor = std::exp(static_cast<double>(partial[64]));
  QVERIFY(std::fabs(static_cast<double>(partial[65]) * factor - 127.0) < 127 * 5e-6);
  for (int c = 0; c < 64; ++c) {
    double sum = 0;
    double allowed = 0;
    for (std::int64_t token = 0; token < 128; ++token) {
      sum += token == 77 ? 0.0 : copy.value(0, token, c);
      // 3 codes, rounded by half a step of the largest scale / 254.9, which is below 4.
      allowed += 3 * 4 / (2 * 254.9);
    }
    QVERIFY(std::fabs(static_cast<double>(partial[c]) * factor - sum) <= allowed);
  }
}

QTEST_APPLESS_MAIN(LowBitTest)
#include "lowbit_test.moc"
