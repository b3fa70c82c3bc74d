// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A linear layer that is to be quantized, and who does it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/palette/quantized_linear.h"

namespace intarsia {

// Its rows are asked for in slabs, from the first on, each once: nobody need hold the whole layer.
struct LinearSource {
  QuantizerId quantizer;
  MatrixShape shape;
  std::shared_ptr<const Rotation> rotation; // of shape.columns; unused by f16
  std::string name;                         // for errors and progress
  // Writes rows [first, first + count) to `to`, row-major f32.
  std::function<void(std::size_t first, std::size_t count, std::span<float> to)> rows;
  const HessianFactor* hessian = nullptr; // of the rotated input; may be null
};

// Gives what quantize_linear() gives, but for codes at the border between two. Throws Error{input} where a
// weight is not finite, and only there.
using EncodeLinear = std::function<QuantizedLinear(const LinearSource&, const JobControl&)>;

// On the CPU, in one slab.
QuantizedLinear quantize_linear(const LinearSource& source, const JobControl& control);

} // namespace intarsia
