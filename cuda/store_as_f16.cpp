// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>
#include <vector>

#include "cuda/encoders.h"

namespace intarsia::cuda {

QuantizedLinear store_as_f16(const LinearSource& source, std::size_t slab_rows, const JobControl& control) {
  const MatrixShape shape = source.shape;
  const QuantizerId id;
  QuantizedLinear layer{id, shape, {}, {}, nullptr, 0, {}};
  layer.codes.reserve(quantizer(id).code_bytes(shape));
  std::vector<float> rows(std::min(slab_rows, shape.rows) * shape.columns);
  double error = 0, energy = 0;
  for (std::size_t first = 0; first < shape.rows; first += slab_rows) {
    const std::size_t count = std::min(slab_rows, shape.rows - first);
    const auto slab = std::span(rows).first(count * shape.columns);
    source.rows(first, count, slab);
    for (std::size_t i = 0; i < slab.size(); ++i)
      if (!std::isfinite(slab[i])) throw non_finite_weight(source.name, first * shape.columns + i);
    const QuantizedLinear part =
        quantize_linear(slab, {count, shape.columns}, id, nullptr, source.name, control);
    double squares = 0; // quantize_linear leaves what it coded
    for (const float weight : slab) squares += double(weight) * double(weight);
    error += part.distortion * squares;
    energy += squares;
    layer.codes.insert(layer.codes.end(), part.codes.begin(), part.codes.end());
    control.report(source.name, double((first + count) * shape.columns), double(shape.size()));
  }
  layer.distortion = energy > 0 ? error / energy : 0;
  return layer;
}

} // namespace intarsia::cuda
