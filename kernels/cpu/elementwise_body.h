// SPDX-License-Identifier: Apache-2.0
// Row-wise operations for the instruction set whose simd_*.h was included before: quantizeRows,
// rmsNorm, rope, swiglu, appendKv, and the vector exponential.
#pragma once

#include "kernels/args.h"
#include "kernels/cpu/half.h"
#include "kernels/cpu/layout.h"

#include <cstring>

namespace bookwheel::kernels {
namespace {

/// e^x for x <= 88 within 2 units in the last place; exactly 0 below -87.7 (so for minus infinity);
/// NaN stays NaN. x = n ln 2 + r with |r| <= ln 2 / 2, e^r by the degree-6 polynomial of the Cephes
/// library (expf).
inline Float exponential(Float x) {
  x = minimum(splat(88.0F), maximum(splat(-88.0F), x));
  const Int n = toInt(mul(x, splat(1.44269504088896341F)));
  const Float whole = toFloat(n);
  Float r = fma(whole, splat(-0.693359375F), x);
  r = fma(whole, splat(2.12194440e-4F), r);
  Float p = splat(1.9875691500e-4F);
  p = fma(p, r, splat(1.3981999507e-3F));
  p = fma(p, r, splat(8.3334519073e-3F));
  p = fma(p, r, splat(4.1665795894e-2F));
  p = fma(p, r, splat(1.6666665459e-1F));
  p = fma(p, r, splat(5.0000001201e-1F));
  return mul(fma(mul(r, r), p, add(r, splat(1.0F))), powerOfTwo(n));
}

/// e^x for x <= 0 within 3 millionths; 0 for minus infinity; NaN stays NaN. Half the work of
/// exponential(), for weights that are rounded to 8 bits or only compared. x log2(e) = n + f with
/// |f| <= 1/2, and 2^f by the polynomial of degree 4 whose largest relative error is least.
inline Float exponentialNear(Float x) {
  const Float t = maximum(splat(kZeroPower), mul(x, splat(1.44269504088896341F)));
  const Float n = rounded(t);
  const Float f = sub(t, n);
  Float p = splat(0.00957010221F);
  p = fma(p, f, splat(0.0559178628F));
  p = fma(p, f, splat(0.240247443F));
  p = fma(p, f, splat(0.693121791F));
  p = fma(p, f, splat(0.999999285F));
  return timesPowerOfTwo(p, n);
}

/// One number through the same polynomial, so that a tail gives what a full vector gives.
inline float exponential(float x) {
  float lanes[kLanes];
  store(lanes, exponential(splat(x)));
  return lanes[0];
}

// ---- quantizeRows
// --------------------------------------------------------------------------------

constexpr int kBlockVectors = kBlockColumns / kLanes;

/// 32 activations: codes in -127 .. 127, scale = max |x| / 127. A block with a value that is not
/// finite gets the scale NaN, which shows in every output; one too small to invert gets zeros.
inline float quantizeBlock(const float* x, std::int8_t* codes) {
  Float v[kBlockVectors];
  Float most = zero();
  Float sum = zero();  // NaN or infinite if a value is
#pragma GCC unroll 8
  for (int i = 0; i < kBlockVectors; ++i) {
    v[i] = load(x + i * kLanes);
    most = maximum(most, absolute(v[i]));
    sum = add(sum, mul(v[i], zero()));
  }
  const float peak = maxOf(most);
  const bool finite = sumOf(sum) == 0.0F;
  if (!finite || peak < 0x1p-100F) {
    std::memset(codes, 0, kBlockColumns);
    return finite ? 0.0F : __builtin_nanf("");
  }
  const Float inverse = splat(127.0F / peak);
#pragma GCC unroll 8
  for (int i = 0; i < kBlockVectors; ++i) {
    storeBytes(codes + i * kLanes, toInt(mul(v[i], inverse)));
  }
  return peak / 127.0F;
}

void quantizeRowsBody(const QuantizeRowsArgs& args, Slice rows) {
  const std::int64_t columns = args.out.columns;
  const std::int64_t blocks = columns / kBlockColumns;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* x = args.x + row * args.stride;
    std::int8_t* codes = args.out.codes + row * columns;
    for (std::int64_t b = 0; b < blocks; ++b) {
      args.out.scales[row * blocks + b] =
          quantizeBlock(x + b * kBlockColumns, codes + b * kBlockColumns);
    }
    std::int16_t* sums = args.out.sums + row * 2 * blocks;
    for (std::int64_t h = 0; h < 2 * blocks; ++h) {
      int sum = 0;
      for (int k = 0; k < 16; ++k) {
        sum += codes[16 * h + k];
      }
      sums[h] = static_cast<std::int16_t>(sum);
    }
  }
}

// ---- rmsNorm, rope, swiglu ---------------------------------------------------------------------

void rmsNormBody(const RmsNormArgs& args, Slice rows) {
  const std::int64_t columns = args.columns;
  const std::int64_t whole = columns / kLanes * kLanes;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* x = args.x + row * columns;
    float* out = args.out + row * columns;
    Float squares = zero();
    for (std::int64_t k = 0; k < whole; k += kLanes) {
      const Float v = load(x + k);
      squares = fma(v, v, squares);
    }
    float sum = sumOf(squares);
    for (std::int64_t k = whole; k < columns; ++k) {
      sum += x[k] * x[k];
    }
    const float scale = 1.0F / __builtin_sqrtf(sum / static_cast<float>(columns) + args.epsilon);
    for (std::int64_t k = 0; k < whole; k += kLanes) {
      store(out + k, mul(mul(load(x + k), splat(scale)), load(args.weight + k)));
    }
    for (std::int64_t k = whole; k < columns; ++k) {
      out[k] = x[k] * scale * args.weight[k];
    }
  }
}

inline void turnHalves(float* head, const float* cosines, const float* sines, int pairs) {
  for (int i = 0; i < pairs; ++i) {
    const float a = head[i];
    const float b = head[i + pairs];
    head[i] = a * cosines[i] - b * sines[i];
    head[i + pairs] = a * sines[i] + b * cosines[i];
  }
}

inline void turnPairs(float* head, const float* cosines, const float* sines, int pairs) {
  for (int i = 0; i < pairs; ++i) {
    const float a = head[2 * i];
    const float b = head[2 * i + 1];
    head[2 * i] = a * cosines[i] - b * sines[i];
    head[2 * i + 1] = a * sines[i] + b * cosines[i];
  }
}

void ropeBody(const RopeArgs& args, Slice rows) {
  const int pairs = args.ropeDims / 2;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* cosines = args.cosines + row * pairs;
    const float* sines = args.sines + row * pairs;
    for (int h = 0; h < args.heads; ++h) {
      float* head = args.x + row * args.stride + static_cast<std::int64_t>(h) * args.headDim;
      if (args.layout == RopeLayout::Half) {
        turnHalves(head, cosines, sines, pairs);
      } else {
        turnPairs(head, cosines, sines, pairs);
      }
    }
  }
}

void swigluBody(const SwigluArgs& args, Slice rows) {
  const std::int64_t whole = args.columns / kLanes * kLanes;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const float* gate = args.gate + row * args.stride;
    const float* up = args.up + row * args.stride;
    float* out = args.out + row * args.outStride;
    for (std::int64_t k = 0; k < whole; k += kLanes) {
      const Float g = load(gate + k);
      const Float silu = div(g, add(splat(1.0F), exponential(sub(zero(), g))));
      store(out + k, mul(silu, load(up + k)));
    }
    for (std::int64_t k = whole; k < args.columns; ++k) {
      out[k] = gate[k] / (1.0F + exponential(-gate[k])) * up[k];
    }
  }
}

// ---- appendKv
// ------------------------------------------------------------------------------------

/// Writes d values as f16; false if one is not finite or rounds beyond f16's largest, 65504.
inline bool writeHalves(const float* from, int d, std::uint16_t* to) {
  Float worst = zero();
  for (int k = 0; k < d; k += kLanes) {
    const Float v = load(from + k);
    worst = maximum(absolute(v), worst);  // a NaN in worst stays
    worst = add(worst, mul(v, zero()));   // NaN and infinity make one
    storeHalves(to + k, v);
  }
  float lanes[kLanes];
  store(lanes, worst);
  bool fits = true;
  for (int i = 0; i < kLanes; ++i) {
    fits = fits && lanes[i] < 65520.0F;  // false for NaN
  }
  return fits;
}

bool appendKvBody(const AppendKvArgs& args, Slice tokens) {
  const int d = args.kv.headDim;
  bool fits = true;
  for (std::int64_t t = tokens.begin; t < tokens.end; ++t) {
    for (int h = 0; h < args.kv.kvHeads; ++h) {
      std::uint16_t* row =
          args.kv.data + h * args.kv.headStride + (args.first + t) * args.kv.tokenStride;
      const std::int64_t from = t * args.stride + static_cast<std::int64_t>(h) * d;
      const bool keys = writeHalves(args.keys + from, d, row);
      const bool values = writeHalves(args.values + from, d, row + d);
      fits = fits && keys && values;
    }
  }
  return fits;
}

}  // namespace
}  // namespace bookwheel::kernels
