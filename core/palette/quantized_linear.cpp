// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/quantized_linear.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/base/error.h"
#include "core/base/half.h"
#include "core/base/parallel.h"
#include "core/palette/feedback.h"
#include "core/palette/linear_source.h"
#include "core/palette/row_fit.h"

namespace intarsia {
namespace {

void refuse_non_finite(std::span<const float> weights, const std::string& name) {
  std::atomic<std::size_t> first = weights.size();
  parallel_ranges(weights.size(), 1 << 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      if (std::isfinite(weights[i])) continue;
      std::size_t seen = first.load();
      while (i < seen && !first.compare_exchange_weak(seen, i)) {
      }
      return;
    }
  });
  if (first < weights.size()) throw non_finite_weight(name, first);
}

double square_sum(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += double(value) * value;
  return sum;
}

void normalise_rows(std::span<float> weights, QuantizedLinear& layer) {
  const std::size_t columns = layer.shape.columns;
  layer.row_scales.resize(layer.shape.rows);
  parallel_ranges(layer.shape.rows, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const auto values = weights.subspan(row * columns, columns);
      layer.row_scales[row] = stored_scale(float(std::sqrt(square_sum(values) / double(columns))));
      const float scale = half_to_float(layer.row_scales[row]);
      for (float& value : values) value = scale == 0 ? 0 : value / scale;
    }
  });
}

// Sums over a row of weights w and what their codes decode to, q.
RowFit plain_fit(std::span<const float> unit, std::span<const float> decoded) {
  RowFit fit;
  for (std::size_t i = 0; i < unit.size(); ++i) {
    fit.ww += double(unit[i]) * unit[i];
    fit.wq += double(unit[i]) * decoded[i];
    fit.qq += double(decoded[i]) * decoded[i];
  }
  return fit;
}

std::vector<RowFit> plain_fits(std::span<const float> unit, const Quantizer& quantizer,
                               const QuantizedLinear& layer) {
  const std::size_t columns = layer.shape.columns, step = quantizer.row_granularity();
  std::vector<RowFit> fits(layer.shape.rows);
  parallel_ranges((layer.shape.rows + step - 1) / step, 1, [&](std::size_t begin, std::size_t end) {
    std::vector<float> decoded(step * columns);
    for (std::size_t first = begin * step; first < std::min(end * step, layer.shape.rows); first += step) {
      const std::size_t count = std::min(step, layer.shape.rows - first);
      quantizer.decode(layer.codes, layer.shape, first, count, std::span(decoded).first(count * columns));
      for (std::size_t i = 0; i < count; ++i)
        fits[first + i] = plain_fit(unit.subspan((first + i) * columns, columns),
                                    std::span<const float>(decoded).subspan(i * columns, columns));
    }
  });
  return fits;
}

double f16_distortion(std::span<const float> weights, const QuantizedLinear& layer,
                      const Quantizer& quantizer) {
  std::vector<float> decoded(layer.shape.columns);
  double error = 0, energy = 0;
  for (std::size_t row = 0; row < layer.shape.rows; ++row) {
    quantizer.decode(layer.codes, layer.shape, row, 1, decoded);
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      const double weight = weights[row * decoded.size() + i], difference = weight - decoded[i];
      error += difference * difference;
      energy += weight * weight;
    }
  }
  return energy > 0 ? error / energy : 0;
}

} // namespace

Error non_finite_weight(const std::string& name, std::size_t index) {
  return input_error("layer " + name + ": weight " + std::to_string(index) +
                     " is not a finite number; the model's file is damaged or its training diverged");
}

QuantizedLinear quantize_linear(std::span<float> weights, MatrixShape shape, QuantizerId id,
                                std::shared_ptr<const Rotation> rotation, const std::string& name,
                                const JobControl& control, const HessianFactor* hessian) {
  refuse_non_finite(weights, name);
  const Quantizer& coder = quantizer(id);
  QuantizedLinear layer{id, shape, std::vector<std::byte>(coder.code_bytes(shape)), {}, nullptr, 0, {}};
  if (id.family == QuantizerFamily::f16) {
    for (float& weight : weights) weight = std::clamp(weight, -max_half, max_half);
    coder.encode(weights, shape, layer.codes, control);
    layer.distortion = f16_distortion(weights, layer, coder);
    return layer;
  }
  layer.rotation = std::move(rotation);
  layer.rotation->apply_rows(weights);
  normalise_rows(weights, layer);
  control.throw_if_stopped();
  std::vector<RowFit> fits;
  if (hessian)
    fits = encode_with_feedback(coder, weights, shape, *hessian, layer.codes, control);
  else
    coder.encode(weights, shape, layer.codes, control);
  const auto plain = plain_fits(weights, coder, layer);
  const auto ratios = refine_scales(hessian ? fits : plain, layer.row_scales);
  layer.distortion = relative_error(plain, ratios, layer.row_scales);
  if (hessian) layer.proxy_loss = relative_error(fits, ratios, layer.row_scales);
  return layer;
}

QuantizedLinear quantize_linear(const LinearSource& source, const JobControl& control) {
  std::vector<float> weights(source.shape.size());
  source.rows(0, source.shape.rows, weights);
  return quantize_linear(weights, source.shape, source.quantizer, source.rotation, source.name, control,
                         source.hessian);
}

void decode_rows(const QuantizedLinear& layer, std::size_t first, std::size_t count, std::span<float> out) {
  quantizer(layer.quantizer).decode(layer.codes, layer.shape, first, count, out);
  if (layer.row_scales.empty()) return;
  for (std::size_t row = 0; row < count; ++row) {
    const float scale = half_to_float(layer.row_scales[first + row]);
    for (float& value : out.subspan(row * layer.shape.columns, layer.shape.columns)) value *= scale;
  }
}

std::vector<float> dequantize_linear(const QuantizedLinear& layer) {
  std::vector<float> weights(layer.shape.size());
  const std::size_t step = quantizer(layer.quantizer).row_granularity(), columns = layer.shape.columns;
  parallel_ranges((layer.shape.rows + step - 1) / step, 1, [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * step, last = std::min(end * step, layer.shape.rows);
    decode_rows(layer, first, last - first,
                std::span(weights).subspan(first * columns, (last - first) * columns));
  });
  if (layer.rotation) layer.rotation->apply_inverse_rows(weights);
  return weights;
}

std::uint64_t quantized_linear_bytes(QuantizerId id, MatrixShape shape) {
  const std::uint64_t scales = id.family == QuantizerFamily::f16 ? 0 : 2 * std::uint64_t(shape.rows);
  return quantizer(id).code_bytes(shape) + scales;
}

std::uint64_t rotation_sign_bytes(std::size_t d_in) { return (d_in + 7) / 8; }

} // namespace intarsia
