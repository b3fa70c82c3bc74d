// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Linears of random codes, as the CPU has them and as the kernels take them.
#pragma once

#include "core/base/random.h"
#include "core/palette/quantized_linear.h"
#include "cuda/kernels/decode_linear.cuh"
#include "cuda/kernels/linear.cuh"
#include "cuda/kernels/linear_f16.cuh"
#include "cuda/launch/linear_layout.h"
#include "tests/cuda/kernel_test.h"

namespace intarsia::test {

// Any bytes are codes of some weights. f16's are weights of variance 1.
inline QuantizedLinear random_linear(QuantizerId id, MatrixShape shape, std::uint64_t seed) {
  Random random(seed);
  QuantizedLinear layer{id, shape, std::vector<std::byte>(quantizer(id).code_bytes(shape)), {}, nullptr,
                        0,  {}};
  if (id.family == QuantizerFamily::f16) {
    std::vector<float> weights = gaussian(shape.size(), seed);
    quantizer(id).encode(weights, shape, layer.codes, {});
    return layer;
  }
  for (std::byte& byte : layer.codes) byte = std::byte(random.next() >> 56);
  for (std::size_t r = 0; r < shape.rows; ++r)
    layer.row_scales.push_back(float_to_half(r % 11 == 9 ? 0 : 0.5f + float(r % 7) / 8));
  return layer;
}

inline std::vector<kernels::Byte> device_bytes(const QuantizedLinear& layer) {
  const auto codes = cuda::device_codes(layer);
  std::vector<kernels::Byte> bytes(codes.size());
  std::memcpy(bytes.data(), codes.data(), codes.size());
  return bytes;
}

inline Buffer<float> codebook_buffer(QuantizerId id) {
  const auto values = quantizer(id).codebook();
  return Buffer<float>(std::vector<float>(values.begin(), values.end()), "the codebook");
}

// Output of a kernel that decodes rows [first, first + count) of a layer, `stride` elements apart.
class DecodedRows {
 public:
  DecodedRows(std::size_t first, std::size_t count, std::size_t stride)
      : out(std::vector<std::uint16_t>(count * stride, untouched), "the rows")
      , first_(first)
      , count_(count)
      , stride_(stride) {}

  Buffer<std::uint16_t> out;

  // Whether they are, bit for bit, the CPU's rounded to binary16, with nothing written between them.
  bool agree(const QuantizedLinear& layer) const {
    const std::size_t columns = layer.shape.columns;
    const std::size_t granularity = quantizer(layer.quantizer).row_granularity();
    const std::size_t begin = first_ / granularity * granularity;
    std::vector<float> rows((first_ + count_ - begin) * columns);
    decode_rows(layer, begin, first_ + count_ - begin, rows);
    for (std::size_t r = 0; r < count_; ++r)
      for (std::size_t k = 0; k < stride_; ++k) {
        const std::uint16_t expected =
            k < columns ? float_to_half(rows[(first_ - begin + r) * columns + k]) : untouched;
        if (out[r * stride_ + k] == expected) continue;
        qWarning("row %zu, column %zu: %04x and not %04x", first_ + r, k, out[r * stride_ + k], expected);
        return false;
      }
    return true;
  }

 private:
  static constexpr std::uint16_t untouched = 0x7D5A;
  std::size_t first_, count_, stride_;
};

} // namespace intarsia::test
