// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Block formats of ggml, element by element as in ggml-quants.c (dequantize_row_*).
#include <cstring>
#include <string>

#include "core/base/error.h"
#include "core/base/float8.h"
#include "core/tensor/block_bytes.h"
#include "core/tensor/block_decoders.h"
#include "core/tensor/dtype.h"

namespace intarsia {
namespace {

using block_decoders::Block, block_decoders::load, block_decoders::load_half;

void decode_q8_0(Block b, float* out) {
  const float d = load_half(b);
  for (int i = 0; i < 32; ++i) out[i] = d * float(static_cast<std::int8_t>(b[2 + i]));
}

void decode_q4_0(Block b, float* out) {
  const float d = load_half(b);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float((b[2 + i] & 15) - 8);
    out[i + 16] = d * float((b[2 + i] >> 4) - 8);
  }
}

void decode_q4_1(Block b, float* out) {
  const float d = load_half(b), m = load_half(b + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float(b[4 + i] & 15) + m;
    out[i + 16] = d * float(b[4 + i] >> 4) + m;
  }
}

void decode_q5_0(Block b, float* out) {
  const float d = load_half(b);
  const auto high = load<std::uint32_t>(b + 2);
  for (int i = 0; i < 16; ++i) {
    const int low_high = int((high >> i) & 1) << 4, upper_high = int((high >> (i + 16)) & 1) << 4;
    out[i] = d * float(((b[6 + i] & 15) | low_high) - 16);
    out[i + 16] = d * float(((b[6 + i] >> 4) | upper_high) - 16);
  }
}

void decode_q5_1(Block b, float* out) {
  const float d = load_half(b), m = load_half(b + 2);
  const auto high = load<std::uint32_t>(b + 4);
  for (int i = 0; i < 16; ++i) {
    const int low_high = int((high >> i) & 1) << 4, upper_high = int((high >> (i + 16)) & 1) << 4;
    out[i] = d * float((b[8 + i] & 15) | low_high) + m;
    out[i + 16] = d * float((b[8 + i] >> 4) | upper_high) + m;
  }
}

// 16 sub-blocks of 16: scales[16] (4-bit scale, 4-bit min), qs[64], d, dmin.
void decode_q2_k(Block b, float* out) {
  const Block scales = b, q = b + 16;
  const float d = load_half(b + 80), dmin = load_half(b + 82);
  int sub = 0;
  for (int half = 0; half < 2; ++half)
    for (int shift = 0; shift < 8; shift += 2)
      for (int part = 0; part < 2; ++part, ++sub) {
        const float scale = d * float(scales[sub] & 15), low = dmin * float(scales[sub] >> 4);
        for (int i = 0; i < 16; ++i)
          *out++ = scale * float((q[32 * half + 16 * part + i] >> shift) & 3) - low;
      }
}

// hmask[32], qs[64], scales[12] (sixteen 6-bit values), d.
void decode_q3_k(Block b, float* out) {
  const Block mask = b, q = b + 32, packed = b + 96;
  const float d = load_half(b + 108);
  int scales[16];
  for (int i = 0; i < 16; ++i) {
    const int low = (packed[i % 8] >> (i < 8 ? 0 : 4)) & 15;
    const int high = (packed[8 + i % 4] >> (2 * (i / 4))) & 3;
    scales[i] = (low | (high << 4)) - 32;
  }
  int sub = 0;
  for (int half = 0; half < 2; ++half)
    for (int step = 0; step < 4; ++step) {
      const int bit = 1 << (4 * half + step);
      for (int part = 0; part < 2; ++part, ++sub) {
        const float scale = d * float(scales[sub]);
        for (int i = 0; i < 16; ++i) {
          const int position = 16 * part + i;
          const int value = (q[32 * half + position] >> (2 * step)) & 3;
          *out++ = scale * float(value - ((mask[position] & bit) ? 0 : 4));
        }
      }
    }
}

// Scale and minimum of sub-block j out of 12 bytes that hold eight 6-bit pairs.
void unpack_scale_min(int j, Block packed, int& scale, int& minimum) {
  if (j < 4) {
    scale = packed[j] & 63;
    minimum = packed[j + 4] & 63;
  } else {
    scale = (packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4);
    minimum = (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4);
  }
}

// d, dmin, scales[12], qs[128].
void decode_q4_k(Block b, float* out) {
  const float d = load_half(b), dmin = load_half(b + 2);
  const Block packed = b + 4, q = b + 16;
  for (int sub = 0; sub < 8; ++sub) {
    int scale = 0, minimum = 0;
    unpack_scale_min(sub, packed, scale, minimum);
    const float s = d * float(scale), m = dmin * float(minimum);
    for (int i = 0; i < 32; ++i) *out++ = s * float((q[32 * (sub / 2) + i] >> (4 * (sub % 2))) & 15) - m;
  }
}

// d, dmin, scales[12], qh[32], qs[128].
void decode_q5_k(Block b, float* out) {
  const float d = load_half(b), dmin = load_half(b + 2);
  const Block packed = b + 4, high = b + 16, q = b + 48;
  for (int sub = 0; sub < 8; ++sub) {
    int scale = 0, minimum = 0;
    unpack_scale_min(sub, packed, scale, minimum);
    const float s = d * float(scale), m = dmin * float(minimum);
    for (int i = 0; i < 32; ++i) {
      const int value = ((q[32 * (sub / 2) + i] >> (4 * (sub % 2))) & 15) + (((high[i] >> sub) & 1) << 4);
      *out++ = s * float(value) - m;
    }
  }
}

// ql[128], qh[64], scales[16] (int8), d.
void decode_q6_k(Block b, float* out) {
  const Block low = b, high = b + 128, scales = b + 192;
  const float d = load_half(b + 208);
  for (int half = 0; half < 2; ++half)
    for (int quarter = 0; quarter < 4; ++quarter)
      for (int i = 0; i < 32; ++i) {
        const int low_bits = (low[64 * half + 32 * (quarter % 2) + i] >> (4 * (quarter / 2))) & 15;
        const int high_bits = (high[32 * half + i] >> (2 * quarter)) & 3;
        const int scale = static_cast<std::int8_t>(scales[8 * half + 2 * quarter + i / 16]);
        *out++ = d * float(scale) * float((low_bits | (high_bits << 4)) - 32);
      }
}

using BlockDecoder = void (*)(Block, float*);

BlockDecoder block_decoder(DType dtype) {
  switch (dtype) {
  case DType::q8_0:
    return decode_q8_0;
  case DType::q4_0:
    return decode_q4_0;
  case DType::q4_1:
    return decode_q4_1;
  case DType::q5_0:
    return decode_q5_0;
  case DType::q5_1:
    return decode_q5_1;
  case DType::q2_k:
    return decode_q2_k;
  case DType::q3_k:
    return decode_q3_k;
  case DType::q4_k:
    return decode_q4_k;
  case DType::q5_k:
    return decode_q5_k;
  case DType::q6_k:
    return decode_q6_k;
  case DType::q8_k:
    return block_decoders::q8_k;
  case DType::iq1_s:
    return block_decoders::iq1_s;
  case DType::iq1_m:
    return block_decoders::iq1_m;
  case DType::iq2_xxs:
    return block_decoders::iq2_xxs;
  case DType::iq2_xs:
    return block_decoders::iq2_xs;
  case DType::iq2_s:
    return block_decoders::iq2_s;
  case DType::iq3_xxs:
    return block_decoders::iq3_xxs;
  case DType::iq3_s:
    return block_decoders::iq3_s;
  case DType::iq4_nl:
    return block_decoders::iq4_nl;
  case DType::iq4_xs:
    return block_decoders::iq4_xs;
  case DType::tq1_0:
    return block_decoders::tq1_0;
  case DType::tq2_0:
    return block_decoders::tq2_0;
  case DType::mxfp4:
    return block_decoders::mxfp4;
  case DType::nvfp4:
    return block_decoders::nvfp4;
  default:
    return nullptr;
  }
}

} // namespace

void dequantize(DType dtype, std::span<const std::byte> bytes, std::span<float> out) {
  if (storage_bytes(dtype, out.size()) != bytes.size())
    throw Error(ErrorKind::internal, "a tensor's bytes do not match its element count");
  const Block data = reinterpret_cast<Block>(bytes.data());
  switch (dtype) {
  case DType::f64:
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = float(load<double>(data + 8 * i));
    return;
  case DType::f32:
    if (!out.empty()) std::memcpy(out.data(), data, bytes.size());
    return;
  case DType::f16:
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = load_half(data + 2 * i);
    return;
  case DType::bf16:
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = bfloat16_to_float(load<std::uint16_t>(data + 2 * i));
    return;
  case DType::f8_e4m3:
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = float8_e4m3_to_float(data[i]);
    return;
  case DType::f8_e5m2:
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = float8_e5m2_to_float(data[i]);
    return;
  case DType::f8_e8m0:
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = float8_e8m0_to_float(data[i]);
    return;
  default:
    break;
  }
  const BlockDecoder decode = block_decoder(dtype);
  if (!decode)
    throw Error(ErrorKind::unsupported,
                "tensors of type " + std::string(dtype_name(dtype)) + " hold no weights");
  const std::size_t elements = block_elements(dtype);
  for (std::size_t i = 0; i < out.size() / elements; ++i)
    decode(data + i * block_bytes(dtype), out.data() + i * elements);
}

} // namespace intarsia
