// SPDX-License-Identifier: Apache-2.0
// The vector operations of simd_portable.h in AVX2, FMA and F16C. Included by one unit, which is
// compiled for them.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace bookwheel::kernels {
namespace {

constexpr int kLanes = 8;
constexpr int kMatmulRows = 8;
constexpr int kFloatRows = 4;
constexpr int kAttentionRows = 6;
constexpr int kAttentionVectors = 2;
constexpr int kScoreTokens = 2;
constexpr int kDotRows = 4;
constexpr int kDotSlabs = 1;

using Float = __m256;
using Int = __m256i;
using Bytes = __m256i;

inline Float zero() { return _mm256_setzero_ps(); }
inline Float splat(float x) { return _mm256_set1_ps(x); }
inline Int splatInt(std::int32_t x) { return _mm256_set1_epi32(x); }
inline Float load(const float* at) { return _mm256_loadu_ps(at); }
inline void store(float* at, Float v) { _mm256_storeu_ps(at, v); }
inline Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
inline Float sub(Float a, Float b) { return _mm256_sub_ps(a, b); }
inline Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
inline Float div(Float a, Float b) { return _mm256_div_ps(a, b); }
inline Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
inline Float maximum(Float a, Float b) { return _mm256_max_ps(a, b); }
inline Float minimum(Float a, Float b) { return _mm256_min_ps(a, b); }
inline bool anyGreater(Float a, Float b) {
  return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)) != 0;
}
inline Float absolute(Float a) {
  return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF)));
}
inline float sumOf(Float a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
inline float maxOf(Float a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
inline Float sumEach(const Float (&v)[kLanes]) {
  __m256 quads[2];
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {  // lane j of either half: the sum of that half of v[4 i + j]
    quads[i] = _mm256_hadd_ps(_mm256_hadd_ps(v[4 * i], v[4 * i + 1]),
                              _mm256_hadd_ps(v[4 * i + 2], v[4 * i + 3]));
  }
  return _mm256_add_ps(_mm256_permute2f128_ps(quads[0], quads[1], 0x20),
                       _mm256_permute2f128_ps(quads[0], quads[1], 0x31));
}

inline Float toFloat(Int a) { return _mm256_cvtepi32_ps(a); }
inline Int toInt(Float a) { return _mm256_cvtps_epi32(a); }
inline Float powerOfTwo(Int n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

inline Float loadHalves(const std::uint16_t* at) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}
inline void storeHalves(std::uint16_t* at, Float v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(at),
                   _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline Float loadBfloats(const std::uint16_t* at) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(
      _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))), 16));
}
inline Int loadUnsigned(const std::byte* at) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)));
}
inline Int loadSigned(const std::byte* at) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)));
}
inline void storeBytes(std::int8_t* at, Int v) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(at), _mm_packs_epi16(words, words));
}

inline Bytes loadLine(const std::byte* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}
template <int kBits>
inline Bytes shiftRight(Bytes a) {
  return _mm256_srli_epi16(a, kBits);
}
template <int kBits>
inline Bytes shiftLeft(Bytes a) {
  return _mm256_slli_epi16(a, kBits);
}
inline Bytes keep(Bytes a, std::uint8_t mask) {
  return _mm256_and_si256(a, _mm256_set1_epi8(static_cast<char>(mask)));
}
inline Bytes either(Bytes a, Bytes b) { return _mm256_or_si256(a, b); }
inline Int asLanes(Bytes a) { return a; }
template <int kShift, int kCount>
inline Int bitsOf(Int a) {
  return _mm256_and_si256(_mm256_srli_epi32(a, kShift), _mm256_set1_epi32((1 << kCount) - 1));
}
template <int kByte>
inline Int signedByteOf(Int a) {
  return _mm256_srai_epi32(_mm256_slli_epi32(a, 24 - 8 * kByte), 24);
}

inline Int splatFour(const void* x) {
  std::int32_t four;
  __builtin_memcpy(&four, x, sizeof four);
  return _mm256_set1_epi32(four);
}

inline Int weighSums(const std::int16_t* sums, int first, int second) {
  return _mm256_madd_epi16(splatFour(sums), _mm256_set1_epi32((first & 0xFFFF) | second * 0x10000));
}

// The instruction multiplies unsigned by signed bytes and adds pairs into 16 bits, saturating.
// Unsigned codes: kAdds pairs of at most 2 * 127 * kMaxCode fit before widening to 32 bits. Signed
// codes: |w| <= 128 is unsigned, and the sign goes to the activation: 2 * 128 * 127 = 32512 fits.
template <int kMaxCode, int kFirst, int kCount>
inline Int dotUnsigned(Int start, const Bytes (&w)[8], const std::int8_t* x) {
  constexpr int kAdds = 32767 / (2 * 127 * kMaxCode);
  static_assert(kAdds >= 1, "a pair of products would saturate");
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums = _mm256_setzero_si256();
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) {
    const __m256i pairs = _mm256_maddubs_epi16(w[kFirst + i], splatFour(x + 4 * (kFirst + i)));
    sums = i % kAdds == 0 ? pairs : _mm256_add_epi16(sums, pairs);
    if (i % kAdds == kAdds - 1 || i == kCount - 1) {
      start = _mm256_add_epi32(start, _mm256_madd_epi16(sums, ones));
    }
  }
  return start;
}

struct SignedCodes {
  Bytes w[8];
  Bytes magnitude[8];
};
inline SignedCodes signedCodes(const Bytes (&w)[8]) {
  SignedCodes codes;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    codes.w[i] = w[i];
    codes.magnitude[i] = _mm256_abs_epi8(w[i]);
  }
  return codes;
}
inline Int dotSigned(const SignedCodes& codes, const std::int8_t* x, const std::int16_t*) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i total = _mm256_setzero_si256();
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const __m256i turned = _mm256_sign_epi8(splatFour(x + 4 * i), codes.w[i]);
    total = _mm256_add_epi32(
        total, _mm256_madd_epi16(_mm256_maddubs_epi16(codes.magnitude[i], turned), ones));
  }
  return total;
}

inline void transposeHalves(const std::uint16_t* rows, std::int64_t stride, float* out,
                            std::int64_t outStride) {
  __m256 r[8];
  __m256 t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    r[i] = loadHalves(rows + i * stride);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    store(out + i * outStride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    store(out + (i + 4) * outStride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}

// ---- Low-bit copies

inline Int loadInts(const void* at) { return _mm256_loadu_si256(static_cast<const __m256i*>(at)); }
inline void storeInts(void* at, Int v) { _mm256_storeu_si256(static_cast<__m256i*>(at), v); }
inline Float rounded(Float a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
constexpr float kZeroPower = -127.0F;
inline Float timesPowerOfTwo(Float a, Float n) { return mul(a, powerOfTwo(toInt(n))); }
inline void readTopHalves(const std::byte* at, float (&out)[4]) {
  const auto low = static_cast<std::uint32_t>(_mm256_movemask_epi8(loadInts(at)));
  const auto high = static_cast<std::uint32_t>(_mm256_movemask_epi8(loadInts(at + 32)));
  const auto bits = static_cast<long long>(std::uint64_t{high} << 32 | low);
  _mm_storeu_ps(out, _mm_cvtph_ps(_mm_cvtsi64_si128(bits)));
}
inline Int addInts(Int a, Int b) { return _mm256_add_epi32(a, b); }
inline Int subInts(Int a, Int b) { return _mm256_sub_epi32(a, b); }
inline Int minInts(Int a, Int b) { return _mm256_min_epi32(a, b); }
inline Int maxInts(Int a, Int b) { return _mm256_max_epi32(a, b); }
inline Int bitsAsInts(Float a) { return _mm256_castps_si256(a); }
inline std::int32_t sumOfInts(Int a) {
  __m128i x = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32(x, 0xB1)));
}
inline void storeUnsignedBytes(std::byte* at, Int v) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(at), _mm_packus_epi16(words, words));
}
inline Int countNotBelow(Int counts, Int a, Int least) {
  return _mm256_add_epi32(counts,
                          _mm256_add_epi32(_mm256_cmpgt_epi32(least, a), _mm256_set1_epi32(1)));
}

/// Entry m: the numbers of the bits that are set in m, one a byte.
struct LaneLists {
  std::uint64_t of[256];
};
constexpr LaneLists makeLaneLists() {
  LaneLists lists{};
  for (unsigned m = 0; m < 256; ++m) {
    int at = 0;
    for (std::uint64_t lane = 0; lane < 8; ++lane) {
      if ((m >> lane & 1U) != 0) {
        lists.of[m] |= lane << (8 * at++);
      }
    }
  }
  return lists;
}
constexpr LaneLists kLaneLists = makeLaneLists();

inline int storeNotBelow(void* to, Int a, Int keys, Int least) {
  const int below = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(least, keys)));
  const unsigned kept = ~static_cast<unsigned>(below) & 0xFFU;
  const __m256i lanes =
      _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(kLaneLists.of[kept])));
  storeInts(to, _mm256_permutevar8x32_epi32(a, lanes));
  return __builtin_popcount(kept);
}

// Pairs of products are added in 16 bits and must not saturate there.
using DotSums = __m256i;
template <int kMaxCode, bool kSigned>
constexpr int kDotSteps = 32767 / (2 * (kSigned ? 127 : 255) * kMaxCode);
inline DotSums noDots() { return _mm256_setzero_si256(); }
inline Int widened(DotSums sums) { return _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }
template <bool kSigned>
inline DotSums dotStep(DotSums sums, Bytes codes, Int x) {
  sums = _mm256_add_epi16(
      sums, kSigned ? _mm256_maddubs_epi16(codes, x) : _mm256_maddubs_epi16(x, codes));
  asm("" : "+x"(sums));  // GCC would reorder the additions and spill
  return sums;
}

}  // namespace
}  // namespace bookwheel::kernels
