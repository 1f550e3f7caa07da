// SPDX-License-Identifier: Apache-2.0
// The operations of kernels/ in plain loops over doubles.
#include "tests/support/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace bookwheel::reference {
namespace {

using kernels::WeightType;

int byteAt(const std::byte* at, std::int64_t index) { return std::to_integer<int>(at[index]); }

int signedByteAt(const std::byte* at, std::int64_t index) {
  const int value = byteAt(at, index);
  return value >= 128 ? value - 256 : value;
}

double halfAt(const std::byte* at, std::int64_t index) {
  return fromHalf(static_cast<std::uint16_t>(byteAt(at, index) | byteAt(at, index + 1) << 8));
}

int nibble(int byte, bool high) { return high ? byte / 16 : byte % 16; }

int bit(const std::byte* at, std::int64_t index) { return byteAt(at, index / 8) >> index % 8 & 1; }

// Formats of 32: k is the column within the block.
WeightParts parts32(WeightType type, const std::byte* b, int k) {
  const double d = halfAt(b, 0);
  switch (type) {
    case WeightType::Q4_0:
      return {d * (nibble(byteAt(b, 2 + k % 16), k >= 16) - 8), 0};
    case WeightType::Q4_1:
      return {d * nibble(byteAt(b, 4 + k % 16), k >= 16), halfAt(b, 2)};
    case WeightType::Q5_0:
      return {d * (nibble(byteAt(b, 6 + k % 16), k >= 16) + 16 * bit(b + 2, k) - 16), 0};
    case WeightType::Q5_1:
      return {d * (nibble(byteAt(b, 8 + k % 16), k >= 16) + 16 * bit(b + 4, k)), halfAt(b, 2)};
    default:
      return {d * signedByteAt(b, 2 + k), 0};
  }
}

WeightParts partsQ2K(const std::byte* b, int k) {
  const int both = byteAt(b, k / 16);
  const int code = byteAt(b, 16 + k / 128 * 32 + k % 32) >> (k / 32 % 4 * 2) & 3;
  return {halfAt(b, 80) * (both % 16) * code, -halfAt(b, 82) * (both / 16)};
}

WeightParts partsQ3K(const std::byte* b, int k) {
  const int group = k / 16;
  const int low = nibble(byteAt(b, 96 + group % 8), group >= 8);
  const int high = byteAt(b, 104 + group % 4) >> (group / 4 * 2) & 3;
  const int code = (byteAt(b, 32 + k / 128 * 32 + k % 32) >> (k / 32 % 4 * 2) & 3) -
                   ((byteAt(b, k % 32) >> (k / 32) & 1) != 0 ? 0 : 4);
  return {halfAt(b, 108) * (low + 16 * high - 32) * code, 0};
}

WeightParts partsQ45K(const std::byte* b, int k, bool five) {
  const int group = k / 32;
  const std::byte* s = b + 4;
  int scale;
  int min;
  if (group < 4) {
    scale = byteAt(s, group) % 64;
    min = byteAt(s, group + 4) % 64;
  } else {
    scale = byteAt(s, group + 4) % 16 + byteAt(s, group - 4) / 64 * 16;
    min = byteAt(s, group + 4) / 16 + byteAt(s, group) / 64 * 16;
  }
  int code = nibble(byteAt(b, (five ? 48 : 16) + k / 64 * 32 + k % 32), k / 32 % 2 == 1);
  if (five) {
    code += 16 * (byteAt(b, 16 + k % 32) >> group & 1);
  }
  return {halfAt(b, 0) * scale * code, -halfAt(b, 2) * min};
}

WeightParts partsQ6K(const std::byte* b, int k) {
  const int in = k % 128;
  const int low = nibble(byteAt(b, k / 128 * 64 + in % 64), in >= 64);
  const int high = byteAt(b, 128 + k / 128 * 32 + in % 32) >> (in / 32 * 2) & 3;
  return {halfAt(b, 208) * signedByteAt(b, 192 + k / 16) * (low + 16 * high - 32), 0};
}

}  // namespace

double fromHalf(std::uint16_t half) {
  const int sign = half >> 15 != 0 ? -1 : 1;
  const int exponent = half >> 10 & 31;
  const int mantissa = half & 1023;
  if (exponent == 31) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  return exponent == 0 ? sign * std::ldexp(mantissa, -24)
                       : sign * std::ldexp(1024 + mantissa, exponent - 25);
}

std::uint16_t toHalf(double value) {
  const int sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(value);
  if (std::isnan(value)) {
    return static_cast<std::uint16_t>(sign | 0x7E00);
  }
  if (magnitude >= 65520.0) {
    return static_cast<std::uint16_t>(sign | 0x7C00);
  }
  // The step between neighbours is 2^-24 below 2^-14, and 2^(exponent - 10) above. Codes of
  // positive halves count up without a gap, so a mantissa that rounds to 1024 becomes the next
  // exponent by itself.
  const int exponent = magnitude < 0x1p-14 ? -14 : std::ilogb(magnitude);
  const int steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  return static_cast<std::uint16_t>(sign | ((exponent + 14) * 1024 + steps));
}

WeightParts weightParts(WeightType type, const std::byte* row, std::int64_t column) {
  if (type == WeightType::F32) {
    float value;
    std::memcpy(&value, row + 4 * column, sizeof value);
    return {value, 0};
  }
  if (type == WeightType::F16) {
    return {halfAt(row, 2 * column), 0};
  }
  if (type == WeightType::BF16) {
    const std::uint32_t bits =
        static_cast<std::uint32_t>(byteAt(row, 2 * column) | byteAt(row, 2 * column + 1) << 8)
        << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return {value, 0};
  }
  const kernels::WeightBlock format = kernels::weightBlock(type);
  const std::byte* block = row + column / format.elements * format.bytes;
  const int k = static_cast<int>(column % format.elements);
  switch (type) {
    case WeightType::Q2_K:
      return partsQ2K(block, k);
    case WeightType::Q3_K:
      return partsQ3K(block, k);
    case WeightType::Q4_K:
      return partsQ45K(block, k, false);
    case WeightType::Q5_K:
      return partsQ45K(block, k, true);
    case WeightType::Q6_K:
      return partsQ6K(block, k);
    default:
      return parts32(type, block, k);
  }
}

double weight(WeightType type, const std::byte* row, std::int64_t column) {
  const WeightParts parts = weightParts(type, row, column);
  return parts.product + parts.plus;
}

std::vector<double> decode(WeightType type, const std::byte* source, std::int64_t rows,
                           std::int64_t columns) {
  std::vector<double> out;
  out.reserve(static_cast<std::size_t>(rows * columns));
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t k = 0; k < columns; ++k) {
      out.push_back(weight(type, source + r * kernels::weightRowBytes(type, columns), k));
    }
  }
  return out;
}

std::vector<double> matmul(std::span<const double> weights, std::int64_t rows, std::int64_t columns,
                           std::span<const double> x, std::span<const float> bias) {
  const std::int64_t tokens = static_cast<std::int64_t>(x.size()) / columns;
  std::vector<double> y;
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (std::int64_t r = 0; r < rows; ++r) {
      double sum = bias.empty() ? 0.0 : bias[static_cast<std::size_t>(r)];
      for (std::int64_t k = 0; k < columns; ++k) {
        sum += weights[static_cast<std::size_t>(r * columns + k)] *
               x[static_cast<std::size_t>(t * columns + k)];
      }
      y.push_back(sum);
    }
  }
  return y;
}

std::vector<double> dequantize(const kernels::QuantizedRows& rows) {
  std::vector<double> x;
  for (std::int64_t i = 0; i < rows.rows * rows.columns; ++i) {
    x.push_back(static_cast<double>(rows.codes[i]) * static_cast<double>(rows.scales[i / 32]));
  }
  return x;
}

std::vector<double> rmsNorm(std::span<const float> x, std::span<const float> weight,
                            double epsilon) {
  double squares = 0;
  for (const float v : x) {
    squares += static_cast<double>(v) * static_cast<double>(v);
  }
  const double rms = std::sqrt(squares / static_cast<double>(x.size()) + epsilon);
  std::vector<double> out;
  for (std::size_t k = 0; k < x.size(); ++k) {
    out.push_back(static_cast<double>(x[k]) / rms * static_cast<double>(weight[k]));
  }
  return out;
}

std::vector<double> rope(std::span<const float> head, std::span<const float> cosines,
                         std::span<const float> sines, kernels::RopeLayout layout) {
  std::vector<double> out(head.begin(), head.end());
  const std::size_t pairs = cosines.size();
  for (std::size_t i = 0; i < pairs; ++i) {
    const bool half = layout == kernels::RopeLayout::Half;
    const std::size_t first = half ? i : 2 * i;
    const std::size_t second = half ? i + pairs : 2 * i + 1;
    const double a = head[first];
    const double b = head[second];
    out[first] = a * cosines[i] - b * sines[i];
    out[second] = a * sines[i] + b * cosines[i];
  }
  return out;
}

double swiglu(double gate, double up) { return gate / (1.0 + std::exp(-gate)) * up; }

std::vector<double> attention(const kernels::AttentionArgs& args) {
  const int d = args.kv.headDim;
  const int group = args.heads / args.kv.kvHeads;
  const std::int64_t tokens = args.first + args.rows;
  std::vector<double> out(static_cast<std::size_t>(args.rows * args.heads * d));
  for (int h = 0; h < args.heads; ++h) {
    std::vector<double> rows;  // (tokens, 2 d): keys and values of this head
    for (std::int64_t token = 0; token < tokens; ++token) {
      const std::uint16_t* row =
          args.kv.data + h / group * args.kv.headStride + token * args.kv.tokenStride;
      for (int c = 0; c < 2 * d; ++c) {
        rows.push_back(fromHalf(row[c]));
      }
    }
    for (std::int64_t t = 0; t < args.rows; ++t) {
      const float* query = args.queries + t * args.queryStride + std::int64_t{h} * d;
      std::vector<double> scores;
      for (std::int64_t token = 0; token <= args.first + t; ++token) {
        double dot = 0;
        for (int c = 0; c < d; ++c) {
          dot += static_cast<double>(query[c]) * rows[static_cast<std::size_t>(token * 2 * d + c)];
        }
        scores.push_back(dot * static_cast<double>(args.scale));
      }
      const double peak = *std::max_element(scores.begin(), scores.end());
      double sum = 0;
      for (double& score : scores) {
        score = std::exp(score - peak);
        sum += score;
      }
      double* to = out.data() + (t * args.heads + h) * d;
      for (std::size_t token = 0; token < scores.size(); ++token) {
        const double* value = rows.data() + (static_cast<std::int64_t>(token) * 2 + 1) * d;
        for (int c = 0; c < d; ++c) {
          to[c] += scores[token] / sum * value[c];
        }
      }
    }
  }
  return out;
}

}  // namespace bookwheel::reference
