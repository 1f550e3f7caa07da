// SPDX-License-Identifier: Apache-2.0
// The vector operations that the bodies use, written with the compiler's generic 16-byte vectors:
// runs on any processor. simd_avx2.h and simd_avx512.h define the same names.
//
// Lanes are output rows, tokens or channels. Bytes is kLanes x 4 bytes (a part of a line of
// layout.h).
#pragma once

#include "kernels/cpu/half.h"

#include <cstddef>
#include <cstdint>

namespace bookwheel::kernels {
namespace {

constexpr int kLanes = 4;
constexpr int kMatmulRows = 4;     // activation rows that share an unpacked block of weights
constexpr int kFloatRows = 4;      // the same for float products
constexpr int kAttentionRows = 4;  // query rows and vectors of the register tile in attention
constexpr int kAttentionVectors = 2;
constexpr int kScoreTokens = 2;  // tokens of a register tile of scores with channels as lanes
constexpr int kDotRows = 4;      // rows and slabs of the register tile of low-bit dot products
constexpr int kDotSlabs = 1;

using Float = float __attribute__((vector_size(16)));
using Int = std::int32_t __attribute__((vector_size(16)));
using Bytes = std::uint16_t __attribute__((vector_size(16)));
using Words = std::int16_t __attribute__((vector_size(16)));

inline Float zero() { return Float{}; }
inline Float splat(float x) { return Float{x, x, x, x}; }
inline Int splatInt(std::int32_t x) { return Int{x, x, x, x}; }
inline Float load(const float* at) {
  Float v;
  __builtin_memcpy(&v, at, sizeof v);
  return v;
}
inline void store(float* at, Float v) { __builtin_memcpy(at, &v, sizeof v); }
inline Float add(Float a, Float b) { return a + b; }
inline Float sub(Float a, Float b) { return a - b; }
inline Float mul(Float a, Float b) { return a * b; }
inline Float div(Float a, Float b) { return a / b; }
inline Float fma(Float a, Float b, Float c) { return a * b + c; }
/// The second operand where one is NaN, as x86 has it.
inline Float maximum(Float a, Float b) { return a > b ? a : b; }
inline Float minimum(Float a, Float b) { return a < b ? a : b; }
inline bool anyGreater(Float a, Float b) {
  return a[0] > b[0] || a[1] > b[1] || a[2] > b[2] || a[3] > b[3];
}
inline Float absolute(Float a) {
  return reinterpret_cast<Float>(reinterpret_cast<Int>(a) & 0x7FFFFFFF);
}
inline float sumOf(Float a) { return (a[0] + a[1]) + (a[2] + a[3]); }
inline float maxOf(Float a) {
  const float x = a[0] > a[1] ? a[0] : a[1];
  const float y = a[2] > a[3] ? a[2] : a[3];
  return x > y ? x : y;
}
/// Lane i = the sum over the lanes of v[i].
inline Float sumEach(const Float (&v)[kLanes]) {
  return Float{sumOf(v[0]), sumOf(v[1]), sumOf(v[2]), sumOf(v[3])};
}

inline Float toFloat(Int a) { return __builtin_convertvector(a, Float); }
/// To the nearest integer, ties to even, for |a| < 2^22: the sum with 1.5 * 2^23 has it in its low
/// bits.
inline Int toInt(Float a) { return reinterpret_cast<Int>(a + 12582912.0F) - 0x4B400000; }
/// 2^n for n in -127 .. 127; 0 for n = -127.
inline Float powerOfTwo(Int n) { return reinterpret_cast<Float>((n + 127) << 23); }

inline Float loadHalves(const std::uint16_t* at) {
  return Float{halfToFloat(at[0]), halfToFloat(at[1]), halfToFloat(at[2]), halfToFloat(at[3])};
}
inline void storeHalves(std::uint16_t* at, Float v) {
  for (int i = 0; i < kLanes; ++i) {
    at[i] = floatToHalf(v[i]);
  }
}
inline Float loadBfloats(const std::uint16_t* at) {
  return reinterpret_cast<Float>(Int{at[0], at[1], at[2], at[3]} << 16);
}
inline Int loadUnsigned(const std::byte* at) {
  return Int{static_cast<int>(at[0]), static_cast<int>(at[1]), static_cast<int>(at[2]),
             static_cast<int>(at[3])};
}
inline Int loadSigned(const std::byte* at) { return (loadUnsigned(at) << 24) >> 24; }
inline void storeBytes(std::int8_t* at, Int v) {
  for (int i = 0; i < kLanes; ++i) {
    at[i] = static_cast<std::int8_t>(v[i]);
  }
}

inline Bytes loadLine(const std::byte* at) {
  Bytes v;
  __builtin_memcpy(&v, at, sizeof v);
  return v;
}
template <int kBits>
inline Bytes shiftRight(Bytes a) {
  return a >> kBits;
}
template <int kBits>
inline Bytes shiftLeft(Bytes a) {
  return a << kBits;
}
/// The bits of `mask` in every byte.
inline Bytes keep(Bytes a, std::uint8_t mask) {
  return a & static_cast<std::uint16_t>(mask * 0x0101);
}
inline Bytes either(Bytes a, Bytes b) { return a | b; }
/// The Int with the same bits: lane = 4 bytes.
inline Int asLanes(Bytes a) { return reinterpret_cast<Int>(a); }
template <int kShift, int kCount>
inline Int bitsOf(Int a) {
  return (a >> kShift) & ((1 << kCount) - 1);
}
template <int kByte>
inline Int signedByteOf(Int a) {
  return (a << (24 - 8 * kByte)) >> 24;
}

/// first * sums[0] + second * sums[1] in every lane.
inline Int weighSums(const std::int16_t* sums, int first, int second) {
  return splatInt(first * sums[0] + second * sums[1]);
}

struct SignedCodes {
  Bytes w[8];
};
inline SignedCodes signedCodes(const Bytes (&w)[8]) {
  return {{w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]}};
}

// A 16-bit lane holds bytes 2j (low) and 2j + 1 (high) of w; the two products of a lane pair fit 16
// bits: 2 * 127 * 127 unsigned, 2 * 128 * 127 signed.
inline Int foldWords(Words sums) {
  const Int both = reinterpret_cast<Int>(sums);
  return ((both << 16) >> 16) + (both >> 16);
}
inline Words splatActivations(const std::int8_t* x) {
  std::int32_t four;
  __builtin_memcpy(&four, x, sizeof four);
  return reinterpret_cast<Words>(splatInt(four));
}

/// start + the products of unsigned codes (at most kMaxCode <= 127) w[kFirst ..] with 4 kCount
/// activations.
template <int kMaxCode, int kFirst, int kCount>
inline Int dotUnsigned(Int start, const Bytes (&w)[8], const std::int8_t* x) {
#pragma GCC unroll 8
  for (int i = kFirst; i < kFirst + kCount; ++i) {
    const Words activations = splatActivations(x + 4 * i);
    const Words even = (activations << 8) >> 8;
    const Words odd = activations >> 8;
    start += foldWords(reinterpret_cast<Words>(w[i] & 0xFF) * even +
                       reinterpret_cast<Words>(w[i] >> 8) * odd);
  }
  return start;
}

/// The products of signed codes with 32 activations.
inline Int dotSigned(const SignedCodes& codes, const std::int8_t* x, const std::int16_t*) {
  Int total{};
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const Words activations = splatActivations(x + 4 * i);
    const Words even = (activations << 8) >> 8;
    const Words odd = activations >> 8;
    const Words w = reinterpret_cast<Words>(codes.w[i]);
    total += foldWords(((w << 8) >> 8) * even + (w >> 8) * odd);
  }
  return total;
}

/// kLanes rows of `stride` halves to out[channel][lane], kLanes channels.
inline void transposeHalves(const std::uint16_t* rows, std::int64_t stride, float* out,
                            std::int64_t outStride) {
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int channel = 0; channel < kLanes; ++channel) {
      out[channel * outStride + lane] = halfToFloat(rows[lane * stride + channel]);
    }
  }
}

// ---- Low-bit copies

inline Int loadInts(const void* at) {
  Int v;
  __builtin_memcpy(&v, at, sizeof v);
  return v;
}
inline void storeInts(void* at, Int v) { __builtin_memcpy(at, &v, sizeof v); }
/// a rounded to whole numbers, ties to even, for |a| < 2^22.
inline Float rounded(Float a) { return (a + 12582912.0F) - 12582912.0F; }
/// a 2^n for whole n within kZeroPower .. 127 and a about 1; 0 for n = kZeroPower.
constexpr float kZeroPower = -127.0F;
inline Float timesPowerOfTwo(Float a, Float n) { return a * powerOfTwo(toInt(n)); }
/// Three f16 from the top bits of 48 bytes, byte i bit i; 64 bytes are read.
inline void readTopHalves(const std::byte* at, float (&out)[4]) {
  for (int i = 0; i < 3; ++i) {
    unsigned bits = 0;
    for (int half = 0; half < 2; ++half) {
      std::uint64_t eight;
      __builtin_memcpy(&eight, at + 16 * i + 8 * half, sizeof eight);
      // Moves the top bit of byte j to bit j of the top byte.
      eight = ((eight >> 7) & 0x0101010101010101U) * 0x0102040810204080U >> 56;
      bits |= static_cast<unsigned>(eight) << (8 * half);
    }
    out[i] = halfToFloat(static_cast<std::uint16_t>(bits));
  }
}
inline Int addInts(Int a, Int b) { return a + b; }
inline Int subInts(Int a, Int b) { return a - b; }
inline Int minInts(Int a, Int b) { return a < b ? a : b; }
inline Int maxInts(Int a, Int b) { return a > b ? a : b; }
inline Int bitsAsInts(Float a) { return reinterpret_cast<Int>(a); }
inline std::int32_t sumOfInts(Int a) { return (a[0] + a[1]) + (a[2] + a[3]); }
/// The low bytes; lanes are 0 .. 255.
inline void storeUnsignedBytes(std::byte* at, Int v) {
  for (int i = 0; i < kLanes; ++i) {
    at[i] = static_cast<std::byte>(v[i]);
  }
}
/// counts + 1 in every lane where a >= least.
inline Int countNotBelow(Int counts, Int a, Int least) { return counts - (a >= least); }
/// Writes the lanes of a whose key is >= least side by side (and may write up to kLanes lanes in
/// all); how many they are.
inline int storeNotBelow(void* to, Int a, Int keys, Int least) {
  int count = 0;
  Int kept{};
  for (int i = 0; i < kLanes; ++i) {
    kept[count] = a[i];
    count += keys[i] >= least[i] ? 1 : 0;
    if (count == kLanes) {
      break;
    }
  }
  storeInts(to, kept);
  return count;
}

/// Sums as the dot instruction leaves them, kDotSteps of them at most before they are widened.
using DotSums = Int;
template <int kMaxCode, bool kSigned>
constexpr int kDotSteps = 1 << 16;
inline DotSums noDots() { return DotSums{}; }
inline Int widened(DotSums sums) { return sums; }
inline Int splatFour(const void* x) {
  std::int32_t four;
  __builtin_memcpy(&four, x, sizeof four);
  return splatInt(four);
}
/// sums + the products of codes (at most 15) with four bytes, the same in every lane: signed within
/// -127 .. 127, or unsigned.
template <bool kSigned>
inline DotSums dotStep(DotSums sums, Bytes codes, Int x) {
  const Words activations = reinterpret_cast<Words>(x);
  const Words even = kSigned ? (activations << 8) >> 8 : activations & 0xFF;
  const Words odd = kSigned ? activations >> 8 : (activations >> 8) & 0xFF;
  return sums + foldWords(reinterpret_cast<Words>(codes & 0xFF) * even +
                          reinterpret_cast<Words>(codes >> 8) * odd);
}

}  // namespace
}  // namespace bookwheel::kernels
