// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One linear layer in codes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/palette/hessian.h"
#include "core/palette/quantizer.h"
#include "core/palette/rotation.h"

namespace intarsia {

// W of shape [d_out, d_in]. For every quantizer but f16: row r of W~ (rotated) is row_scales[r] (binary16)
// times the decoded unit row r. For f16: codes are W itself, row-major binary16, rotation is null, row_scales
// empty.
struct QuantizedLinear {
  QuantizerId quantizer;
  MatrixShape shape;
  std::vector<std::byte> codes;
  std::vector<std::uint16_t> row_scales;
  std::shared_ptr<const Rotation> rotation; // shared by every layer that reads the same input
  double distortion = 0; // |Q(W) - W|^2 / |W|^2, measured when it was made; 0 for an all-zero layer
  // |(Q(W) - W) x|^2 / |W x|^2 over the inputs x of a calibration text; absent when made without one.
  std::optional<double> proxy_loss;

  std::uint64_t code_and_scale_bytes() const { return codes.size() + 2 * row_scales.size(); }
};

// What is thrown where a weight is NaN or infinite.
Error non_finite_weight(const std::string& name, std::size_t index);

// Quantizes `weights` (row-major f32 [d_out, d_in]), which is overwritten. `name` is for errors: a NaN or Inf
// weight is an Error{input} naming the layer and the index. All-zero rows get scale 0. With `hessian` (of the
// rotated input, may be null) errors are weighed by what they do to the layer's output.
QuantizedLinear quantize_linear(std::span<float> weights, MatrixShape shape, QuantizerId id,
                                std::shared_ptr<const Rotation> rotation, const std::string& name,
                                const JobControl& control, const HessianFactor* hessian = nullptr);

// Rows [first, first + count) of W~ (rotated domain, scales applied); of W itself for f16.
void decode_rows(const QuantizedLinear& layer, std::size_t first, std::size_t count, std::span<float> out);

// All of W back in the original domain (rotation undone), f32 row-major.
std::vector<float> dequantize_linear(const QuantizedLinear& layer);

// Bytes such a layer takes in memory and in the artifact: codes and row scales (signs are counted per input).
std::uint64_t quantized_linear_bytes(QuantizerId id, MatrixShape shape);
// Bytes of the signs of one rotated input.
std::uint64_t rotation_sign_bytes(std::size_t d_in);

} // namespace intarsia
