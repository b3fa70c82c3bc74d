// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/cpu_linear.h"

#include <algorithm>

#include "core/base/half.h"
#include "core/base/parallel.h"
#include "core/runtime/backend.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

constexpr std::size_t rows_per_chunk = 32; // decoded at once: small enough for L2 at usual widths
constexpr std::size_t tokens_per_tile = 64;

// Decodes `count` rows from `first` on into f32; a dense layer needs no copy.
struct RowsOf {
  std::size_t first, count;
  std::vector<float>& scratch;

  const float* operator()(const DenseLinear& layer) const {
    return layer.weights.data() + first * layer.shape.columns;
  }
  const float* operator()(const HalfLinear& layer) const {
    scratch.resize(count * layer.shape.columns);
    kernels::half_to_float(layer.weights.data() + first * layer.shape.columns, scratch.data(),
                           scratch.size());
    return scratch.data();
  }
  const float* operator()(const QuantizedLinear& layer) const {
    scratch.resize(count * layer.shape.columns);
    decode_rows(layer, first, count, scratch);
    return scratch.data();
  }
};

std::variant<DenseLinear, HalfLinear, QuantizedLinear> stored(LinearWeights weights, bool half_precision) {
  if (auto* quantized = std::get_if<QuantizedLinear>(&weights)) return std::move(*quantized);
  auto& dense = std::get<DenseLinear>(weights);
  if (half_precision) return to_half(dense);
  return std::move(dense);
}

} // namespace

std::uint64_t cpu_scratch_bytes(const LayerGraph& graph) {
  std::size_t largest = 0;
  for (const LinearLayer* layer : graph.all_layers())
    largest = std::max(largest, std::min(rows_per_chunk, layer->d_out) * layer->d_in);
  return std::uint64_t(thread_count()) * largest * sizeof(float);
}

HalfLinear to_half(const DenseLinear& dense) {
  HalfLinear half{dense.shape, std::vector<std::uint16_t>(dense.weights.size())};
  for (std::size_t i = 0; i < half.weights.size(); ++i) half.weights[i] = float_to_half(dense.weights[i]);
  return half;
}

CpuLinear::CpuLinear(LinearWeights weights, std::vector<float> bias, bool half_precision)
    : weights_(stored(std::move(weights), half_precision))
    , bias_(std::move(bias)) {}

void CpuLinear::replace(LinearWeights weights, bool half_precision) {
  weights_ = stored(std::move(weights), half_precision);
}

const Rotation* CpuLinear::rotation() const {
  const auto* quantized = std::get_if<QuantizedLinear>(&weights_);
  return quantized ? quantized->rotation.get() : nullptr;
}

MatrixShape CpuLinear::shape() const {
  return std::visit([](const auto& layer) { return layer.shape; }, weights_);
}

std::uint64_t CpuLinear::bytes() const {
  std::uint64_t bytes = bias_.size() * sizeof(float);
  if (const auto* dense = std::get_if<DenseLinear>(&weights_)) bytes += dense->weights.size() * sizeof(float);
  if (const auto* half = std::get_if<HalfLinear>(&weights_))
    bytes += half->weights.size() * sizeof(std::uint16_t);
  if (const auto* quantized = std::get_if<QuantizedLinear>(&weights_))
    bytes += quantized->code_and_scale_bytes();
  return bytes;
}

void CpuLinear::apply(std::span<const float> x, std::size_t tokens, std::span<float> y) const {
  const MatrixShape matrix = shape();
  const std::size_t chunks = (matrix.rows + rows_per_chunk - 1) / rows_per_chunk;
  parallel_ranges(chunks, 1, [&](std::size_t begin, std::size_t end) {
    thread_local std::vector<float> scratch;
    for (std::size_t chunk = begin; chunk < end; ++chunk) {
      const std::size_t first = chunk * rows_per_chunk, count = std::min(rows_per_chunk, matrix.rows - first);
      const float* rows = std::visit(RowsOf{first, count, scratch}, weights_);
      for (std::size_t token = 0; token < tokens; token += tokens_per_tile)
        kernels::multiply_rows(
            {rows, matrix.columns, count},
            {x.data() + token * matrix.columns, matrix.columns, std::min(tokens_per_tile, tokens - token)},
            matrix.columns, y.data() + token * matrix.rows + first, matrix.rows);
    }
  });
  if (bias_.empty()) return;
  for (std::size_t token = 0; token < tokens; ++token)
    for (std::size_t i = 0; i < matrix.rows; ++i) y[token * matrix.rows + i] += bias_[i];
}

void CpuLinear::row(std::size_t index, std::span<float> out) const {
  std::vector<float> scratch;
  std::size_t first = index, count = 1;
  if (const auto* layer = std::get_if<QuantizedLinear>(&weights_)) { // rows that are coded together
    const std::size_t together = quantizer(layer->quantizer).row_granularity();
    first = index / together * together;
    count = std::min(together, layer->shape.rows - first);
  }
  const float* values = std::visit(RowsOf{first, count, scratch}, weights_);
  std::copy_n(values + (index - first) * out.size(), out.size(), out.begin());
  if (rotation()) rotation()->apply_inverse(out);
}

} // namespace intarsia
