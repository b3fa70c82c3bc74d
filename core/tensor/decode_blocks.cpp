// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/tensor/decode_blocks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/tensor/decode_blocks.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "core/base/half.h"

HWY_BEFORE_NAMESPACE();
namespace intarsia::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
// At most 16 lanes: half a block of 32.
using Floats = hn::CappedTag<float, 16>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;
using Integers = hn::Rebind<std::int32_t, Floats>;

float half_at(const std::uint8_t* from) {
  std::uint16_t bits;
  std::memcpy(&bits, from, 2);
  return half_to_float(bits);
}

// out[i] = scale * value + low of `count` (a multiple of 16) small unsigned integers.
template <class Value>
HWY_INLINE void write(float scale, float low, std::size_t count, const Value& value, float* out) {
  const Floats d;
  const Integers di;
  const auto by = hn::Set(d, scale), from = hn::Set(d, low);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d))
    hn::StoreU(hn::MulAdd(hn::ConvertTo(d, hn::PromoteTo(di, value(i))), by, from), d, out + i);
}

HWY_INLINE hn::Vec<Bytes> bytes_at(const std::uint8_t* from) { return hn::LoadU(Bytes(), from); }
HWY_INLINE hn::Vec<Bytes> low_nibbles(const std::uint8_t* from) {
  return hn::And(bytes_at(from), hn::Set(Bytes(), 15));
}
HWY_INLINE hn::Vec<Bytes> high_nibbles(const std::uint8_t* from) { return hn::ShiftRight<4>(bytes_at(from)); }

void write_nibbles(const std::uint8_t* q, float scale, float low, std::size_t count, float* lower,
                   float* upper) {
  write(
      scale, low, count, [q](std::size_t i) { return low_nibbles(q + i); }, lower);
  write(
      scale, low, count, [q](std::size_t i) { return high_nibbles(q + i); }, upper);
}

void Q8_0(const std::uint8_t* b, float* out) {
  const Floats d;
  const hn::Rebind<std::int8_t, Floats> d8;
  const auto scale = hn::Set(d, half_at(b));
  const auto* q = reinterpret_cast<const std::int8_t*>(b + 2);
  for (std::size_t i = 0; i < 32; i += hn::Lanes(d))
    hn::StoreU(hn::Mul(scale, hn::ConvertTo(d, hn::PromoteTo(Integers(), hn::LoadU(d8, q + i)))), d, out + i);
}

void Q4_0(const std::uint8_t* b, float* out) {
  const float d = half_at(b);
  write_nibbles(b + 2, d, -8 * d, 16, out, out + 16);
}

void Q4_1(const std::uint8_t* b, float* out) {
  write_nibbles(b + 4, half_at(b), half_at(b + 2), 16, out, out + 16);
}

// Scale and minimum of sub-block j out of 12 bytes that hold eight 6-bit pairs.
HWY_INLINE void unpack_scale_min(unsigned j, const std::uint8_t* packed, int& scale, int& minimum) {
  scale = j < 4 ? packed[j] & 63 : (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
  minimum = j < 4 ? packed[j + 4] & 63 : packed[j + 4] >> 4 | (packed[j] >> 6) << 4;
}

void Q4_K(const std::uint8_t* b, float* out) {
  const float d = half_at(b), dmin = half_at(b + 2);
  for (unsigned sub = 0; sub < 8; ++sub) {
    int scale = 0, minimum = 0;
    unpack_scale_min(sub, b + 4, scale, minimum);
    const std::uint8_t* q = b + 16 + 32 * (sub / 2);
    const float by = d * float(scale), low = -dmin * float(minimum);
    if (sub % 2 == 0)
      write(
          by, low, 32, [q](std::size_t i) { return low_nibbles(q + i); }, out + 32 * sub);
    else
      write(
          by, low, 32, [q](std::size_t i) { return high_nibbles(q + i); }, out + 32 * sub);
  }
}

void Q6_K(const std::uint8_t* b, float* out) {
  const Bytes d8;
  const float d = half_at(b + 208);
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned quarter = 0; quarter < 4; ++quarter)
      for (unsigned part = 0; part < 2; ++part) {
        const std::uint8_t* low = b + 64 * half + 32 * (quarter % 2) + 16 * part;
        const std::uint8_t* high = b + 128 + 32 * half + 16 * part;
        std::int8_t scale;
        std::memcpy(&scale, b + 192 + 8 * half + 2 * quarter + part, 1);
        const float by = d * float(scale);
        write(
            by, -32 * by, 16,
            [=](std::size_t i) {
              const auto nibble = quarter < 2 ? low_nibbles(low + i) : high_nibbles(low + i);
              const auto bits = hn::ShiftRightSame(bytes_at(high + i), int(2 * quarter));
              return hn::Or(nibble, hn::ShiftLeft<4>(hn::And(bits, hn::Set(d8, 3))));
            },
            out + 128 * half + 32 * quarter + 16 * part);
      }
}

void Halves(const std::uint8_t* from, float* out, std::size_t n) {
  const Floats d;
  const hn::Rebind<std::uint16_t, Floats> du;
  const hn::Rebind<hwy::float16_t, Floats> dh;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    std::uint16_t bits[16];
    std::memcpy(bits, from + 2 * i, 2 * hn::Lanes(d));
    hn::StoreU(hn::PromoteTo(d, hn::BitCast(dh, hn::LoadU(du, bits))), d, out + i);
  }
  for (; i < n; ++i) out[i] = half_at(from + 2 * i);
}

void BrainFloats(const std::uint8_t* from, float* out, std::size_t n) {
  const Floats d;
  const hn::Rebind<std::uint16_t, Floats> du;
  const hn::Rebind<std::uint32_t, Floats> dw;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    std::uint16_t bits[16];
    std::memcpy(bits, from + 2 * i, 2 * hn::Lanes(d));
    hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(dw, hn::LoadU(du, bits)))), d, out + i);
  }
  for (; i < n; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, from + 2 * i, 2);
    out[i] = bfloat16_to_float(bits);
  }
}

// False where there is no fast way.
bool DecodeBlocks(DType dtype, const std::uint8_t* from, float* out, std::size_t n) {
  if (dtype == DType::f16) return Halves(from, out, n), true;
  if (dtype == DType::bf16) return BrainFloats(from, out, n), true;
  void (*decode)(const std::uint8_t*, float*) = dtype == DType::q8_0   ? Q8_0
                                                : dtype == DType::q4_0 ? Q4_0
                                                : dtype == DType::q4_1 ? Q4_1
                                                : dtype == DType::q4_k ? Q4_K
                                                : dtype == DType::q6_k ? Q6_K
                                                                       : nullptr;
  if (!decode) return false;
  const std::size_t elements = block_elements(dtype), bytes = block_bytes(dtype);
  for (std::size_t i = 0; i < n / elements; ++i) decode(from + i * bytes, out + i * elements);
  return true;
}

} // namespace intarsia::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia {

HWY_EXPORT(DecodeBlocks);

void decode_blocks(DType dtype, const std::byte* from, std::span<float> out) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
  if (HWY_DYNAMIC_DISPATCH(DecodeBlocks)(dtype, bytes, out.data(), out.size())) return;
  dequantize(dtype, {from, std::size_t(storage_bytes(dtype, out.size()).value())}, out);
}

} // namespace intarsia
#endif
