// SPDX-License-Identifier: Apache-2.0
// The vector operations of simd_portable.h in AVX-512 (F, BW, VL, DQ, VNNI). Included by one unit,
// which is compiled for them.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace bookwheel::kernels {
namespace {

constexpr int kLanes = 16;
constexpr int kMatmulRows = 16;
constexpr int kFloatRows = 8;
constexpr int kAttentionRows = 6;
constexpr int kAttentionVectors = 4;
constexpr int kScoreTokens = 4;
constexpr int kDotRows = 4;
constexpr int kDotSlabs = 2;

using Float = __m512;
using Int = __m512i;
using Bytes = __m512i;

inline Float zero() { return _mm512_setzero_ps(); }
inline Float splat(float x) { return _mm512_set1_ps(x); }
inline Int splatInt(std::int32_t x) { return _mm512_set1_epi32(x); }
inline Float load(const float* at) { return _mm512_loadu_ps(at); }
inline void store(float* at, Float v) { _mm512_storeu_ps(at, v); }
inline Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
inline Float sub(Float a, Float b) { return _mm512_sub_ps(a, b); }
inline Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
inline Float div(Float a, Float b) { return _mm512_div_ps(a, b); }
inline Float fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
inline Float maximum(Float a, Float b) { return _mm512_max_ps(a, b); }
inline Float minimum(Float a, Float b) { return _mm512_min_ps(a, b); }
inline bool anyGreater(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0; }
inline Float absolute(Float a) { return _mm512_abs_ps(a); }
inline float sumOf(Float a) { return _mm512_reduce_add_ps(a); }
inline float maxOf(Float a) { return _mm512_reduce_max_ps(a); }
inline Float sumEach(const Float (&v)[kLanes]) {
  __m512 quads[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {  // lane j of each 128-bit part: the sum of that part of v[4 i + j]
    const Float* q = v + 4 * i;
    const __m512 a = _mm512_add_ps(_mm512_unpacklo_ps(q[0], q[1]), _mm512_unpackhi_ps(q[0], q[1]));
    const __m512 b = _mm512_add_ps(_mm512_unpacklo_ps(q[2], q[3]), _mm512_unpackhi_ps(q[2], q[3]));
    quads[i] = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xEE));
  }
  const __m512 a = _mm512_add_ps(_mm512_shuffle_f32x4(quads[0], quads[1], 0x88),
                                 _mm512_shuffle_f32x4(quads[0], quads[1], 0xDD));
  const __m512 b = _mm512_add_ps(_mm512_shuffle_f32x4(quads[2], quads[3], 0x88),
                                 _mm512_shuffle_f32x4(quads[2], quads[3], 0xDD));
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
}

inline Float toFloat(Int a) { return _mm512_cvtepi32_ps(a); }
inline Int toInt(Float a) { return _mm512_cvtps_epi32(a); }
inline Float powerOfTwo(Int n) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
}

inline Float loadHalves(const std::uint16_t* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}
inline void storeHalves(std::uint16_t* at, Float v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(at),
                      _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline Float loadBfloats(const std::uint16_t* at) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at))), 16));
}
inline Int loadUnsigned(const std::byte* at) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}
inline Int loadSigned(const std::byte* at) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}
inline void storeBytes(std::int8_t* at, Int v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(at), _mm512_cvtepi32_epi8(v));
}

inline Bytes loadLine(const std::byte* at) { return _mm512_loadu_si512(at); }
template <int kBits>
inline Bytes shiftRight(Bytes a) {
  return _mm512_srli_epi16(a, kBits);
}
template <int kBits>
inline Bytes shiftLeft(Bytes a) {
  return _mm512_slli_epi16(a, kBits);
}
inline Bytes keep(Bytes a, std::uint8_t mask) {
  return _mm512_and_si512(a, _mm512_set1_epi8(static_cast<char>(mask)));
}
inline Bytes either(Bytes a, Bytes b) { return _mm512_or_si512(a, b); }
inline Int asLanes(Bytes a) { return a; }
template <int kShift, int kCount>
inline Int bitsOf(Int a) {
  return _mm512_and_si512(_mm512_srli_epi32(a, kShift), _mm512_set1_epi32((1 << kCount) - 1));
}
template <int kByte>
inline Int signedByteOf(Int a) {
  return _mm512_srai_epi32(_mm512_slli_epi32(a, 24 - 8 * kByte), 24);
}

inline Int splatFour(const void* x) {
  std::int32_t four;
  __builtin_memcpy(&four, x, sizeof four);
  return _mm512_set1_epi32(four);
}

inline Int weighSums(const std::int16_t* sums, int first, int second) {
  return _mm512_madd_epi16(splatFour(sums), _mm512_set1_epi32((first & 0xFFFF) | second * 0x10000));
}

// vpdpbusd multiplies unsigned by signed bytes and adds four products to 32 bits, exactly.
template <int kMaxCode, int kFirst, int kCount>
inline Int dotUnsigned(Int start, const Bytes (&w)[8], const std::int8_t* x) {
#pragma GCC unroll 8
  for (int i = kFirst; i < kFirst + kCount; ++i) {
    start = _mm512_dpbusd_epi32(start, w[i], splatFour(x + 4 * i));
  }
  return start;
}

/// Signed codes as unsigned ones, 128 higher; the sum of activations takes the 128 back.
struct SignedCodes {
  Bytes w[8];
};
inline SignedCodes signedCodes(const Bytes (&w)[8]) {
  SignedCodes codes;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    codes.w[i] = _mm512_xor_si512(w[i], _mm512_set1_epi8(static_cast<char>(0x80)));
  }
  return codes;
}
inline Int dotSigned(const SignedCodes& codes, const std::int8_t* x, const std::int16_t* sums) {
  return dotUnsigned<255, 0, 8>(weighSums(sums, -128, -128), codes.w, x);
}

inline void transposeHalves(const std::uint16_t* rows, std::int64_t stride, float* out,
                            std::int64_t outStride) {
  __m512 r[16];
  __m512 t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    r[i] = loadHalves(rows + i * stride);
  }
  // Pairs, then quads within 128-bit parts, then the 4 x 4 parts.
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 a = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    const __m512 b = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
    const __m512 c = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    const __m512 d = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
    store(out + i * outStride, _mm512_shuffle_f32x4(a, c, 0x88));
    store(out + (i + 4) * outStride, _mm512_shuffle_f32x4(b, d, 0x88));
    store(out + (i + 8) * outStride, _mm512_shuffle_f32x4(a, c, 0xDD));
    store(out + (i + 12) * outStride, _mm512_shuffle_f32x4(b, d, 0xDD));
  }
}

// ---- Low-bit copies

inline Int loadInts(const void* at) { return _mm512_loadu_si512(at); }
inline void storeInts(void* at, Int v) { _mm512_storeu_si512(at, v); }
inline Float rounded(Float a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
constexpr float kZeroPower = -160.0F;
inline Float timesPowerOfTwo(Float a, Float n) { return _mm512_scalef_ps(a, n); }
inline void readTopHalves(const std::byte* at, float (&out)[4]) {
  const auto bits = static_cast<long long>(_mm512_movepi8_mask(loadInts(at)));
  _mm_storeu_ps(out, _mm_cvtph_ps(_mm_cvtsi64_si128(bits)));
}
inline Int addInts(Int a, Int b) { return _mm512_add_epi32(a, b); }
inline Int subInts(Int a, Int b) { return _mm512_sub_epi32(a, b); }
inline Int minInts(Int a, Int b) { return _mm512_min_epi32(a, b); }
inline Int maxInts(Int a, Int b) { return _mm512_max_epi32(a, b); }
inline Int bitsAsInts(Float a) { return _mm512_castps_si512(a); }
inline std::int32_t sumOfInts(Int a) { return _mm512_reduce_add_epi32(a); }
inline void storeUnsignedBytes(std::byte* at, Int v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(at), _mm512_cvtepi32_epi8(v));
}
inline Int countNotBelow(Int counts, Int a, Int least) {
  return _mm512_mask_add_epi32(counts, _mm512_cmpge_epi32_mask(a, least), counts,
                               _mm512_set1_epi32(1));
}
// Compressing in a register: the store that compresses is microcode on Zen 4.
inline int storeNotBelow(void* to, Int a, Int keys, Int least) {
  const __mmask16 kept = _mm512_cmpge_epi32_mask(keys, least);
  storeInts(to, _mm512_maskz_compress_epi32(kept, a));
  return __builtin_popcount(kept);
}

using DotSums = __m512i;
template <int kMaxCode, bool kSigned>
constexpr int kDotSteps = 1 << 16;
inline DotSums noDots() { return _mm512_setzero_si512(); }
inline Int widened(DotSums sums) { return sums; }
template <bool kSigned>
inline DotSums dotStep(DotSums sums, Bytes codes, Int x) {
  return kSigned ? _mm512_dpbusd_epi32(sums, codes, x) : _mm512_dpbusd_epi32(sums, x, codes);
}

}  // namespace
}  // namespace bookwheel::kernels
