// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Quantizing on the device.
#pragma once

#include <cstddef>

#include "core/palette/linear_source.h"

namespace intarsia::cuda {

// Quantizes one linear after the other on one device, as quantize_linear() does on the CPU: the same codes
// but where rounding in the rotation (and with a Hessian in the feedback) decides between neighbours.
class DeviceEncoder {
 public:
  static constexpr std::size_t default_memory = std::size_t(1) << 30;

  // `memory`: the most device memory to take, in bytes; less where less is free.
  explicit DeviceEncoder(int device, std::size_t memory = default_memory);

  // Throws Error{input} where a weight is not finite, another naming the layer and what failed on the device.
  // Whatever happens, the memory that was taken is given back.
  QuantizedLinear quantize(const LinearSource& source, const JobControl& control) const;

 private:
  int device_;
  std::size_t memory_;
};

} // namespace intarsia::cuda
