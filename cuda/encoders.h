// SPDX-License-Identifier: GPL-3.0-or-later
// Quantizing on the device.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/base/progress.h"
#include "core/palette/quantized_linear.h"

namespace intarsia::cuda {

// A linear to be quantized. Its rows are asked for in slabs, from the first on, each once.
struct LinearSource {
  QuantizerId quantizer;
  MatrixShape shape;
  std::shared_ptr<const Rotation> rotation; // of shape.columns; unused by f16
  std::string name;                         // for errors and progress
  // Writes rows [first, first + count) to `to`, row-major f32.
  std::function<void(std::size_t first, std::size_t count, std::span<float> to)> rows;
  const HessianFactor* hessian = nullptr; // of the rotated input; may be null
};

// Quantizes one linear after the other on one device, as quantize_linear() does on the CPU: the same codes
// but where rounding in the rotation (and with a Hessian in the feedback) decides between neighbours.
class DeviceEncoder {
 public:
  static constexpr std::size_t usual_memory = std::size_t(1) << 30;

  // `memory`: the most device memory to take, in bytes; less where less is free.
  explicit DeviceEncoder(int device, std::size_t memory = usual_memory);

  // Throws Error{input} where a weight is not finite, std::runtime_error naming what failed on the device.
  // Whatever happens, the memory that was taken is given back.
  QuantizedLinear quantize(const LinearSource& source, const JobControl& control) const;

 private:
  int device_;
  std::size_t memory_;
};

} // namespace intarsia::cuda
