// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_linear.h"

#include <algorithm>
#include <array>

#include "core/base/half.h"
#include "core/base/parallel.h"
#include "core/runtime/backend.h"
#include "core/runtime/cpu_kernels/byte_product.h"
#include "core/runtime/cpu_kernels/dense_product.h"
#include "core/runtime/cpu_kernels/row_product.h"
#include "core/runtime/cpu_kernels/trellis_product.h"

namespace intarsia {
namespace {

constexpr std::size_t unit_rows = 64; // of a task: a panel of a trellis

bool is_f16(const QuantizedLinear& layer) { return layer.quantizer.family == QuantizerFamily::f16; }

bool is_trellis(const QuantizedLinear& layer) {
  return layer.quantizer.family == QuantizerFamily::tcq ||
         layer.quantizer.family == QuantizerFamily::half_tcq;
}

std::span<const std::byte> bytes_of(const std::vector<std::uint16_t>& halves) {
  return std::as_bytes(std::span(halves));
}

} // namespace

std::uint64_t cpu_scratch_bytes(const LayerGraph& graph) {
  std::size_t widest = 0;
  for (const LinearLayer* layer : graph.all_layers()) widest = std::max(widest, layer->d_in);
  return std::uint64_t(thread_count()) *
         (cpu_kernels::trellis_scratch_bytes() +
          std::max(cpu_kernels::row_scratch_bytes(widest), cpu_kernels::dense_scratch_bytes(widest)));
}

HalfLinear to_half(const DenseLinear& dense) {
  HalfLinear half{dense.shape, std::vector<std::uint16_t>(dense.weights.size())};
  for (std::size_t i = 0; i < half.weights.size(); ++i) half.weights[i] = float_to_half(dense.weights[i]);
  return half;
}

CpuLinear::Weights CpuLinear::stored(LinearWeights weights, bool half_precision) {
  if (auto* quantized = std::get_if<QuantizedLinear>(&weights)) return std::move(*quantized);
  auto& dense = std::get<DenseLinear>(weights);
  if (half_precision) return to_half(dense);
  return std::move(dense);
}

CpuLinear::CpuLinear(LinearWeights weights, std::vector<float> bias, bool half_precision)
    : weights_(stored(std::move(weights), half_precision))
    , bias_(std::move(bias)) {}

CpuLinear::CpuLinear(StoredLinear weights, std::vector<float> bias)
    : weights_(std::move(weights))
    , bias_(std::move(bias)) {}

CpuLinear::CpuLinear(ByteLinear weights, std::vector<float> bias)
    : weights_(std::move(weights))
    , bias_(std::move(bias)) {}

void CpuLinear::replace(LinearWeights weights, bool half_precision) {
  weights_ = stored(std::move(weights), half_precision);
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
  if (const auto* mapped = std::get_if<StoredLinear>(&weights_)) bytes += mapped->rows.bytes.size();
  if (const auto* of_bytes = std::get_if<ByteLinear>(&weights_)) bytes += ByteLinear::bytes(of_bytes->shape);
  return bytes;
}

// What a task needs of the input: f32 as it is or rotated, or int8.
struct CpuLinear::Work {
  std::size_t tokens = 0, terms = 1;
  std::span<const float> x;
  Int8Activation int8;
};

const Rotation* CpuLinear::rotation() const {
  if (const auto* of_bytes = std::get_if<ByteLinear>(&weights_)) return of_bytes->rotation.get();
  const auto* layer = std::get_if<QuantizedLinear>(&weights_);
  return layer && !is_f16(*layer) ? layer->rotation.get() : nullptr;
}

CpuLinear::Work CpuLinear::prepare(LinearInput& input) const {
  Work work{input.tokens(), input.terms(), input.plain(), {}};
  if (std::holds_alternative<ByteLinear>(weights_)) {
    work.int8 = input.int8(rotation());
    return work;
  }
  const auto* layer = std::get_if<QuantizedLinear>(&weights_);
  if (!layer || is_f16(*layer)) return work;
  const std::size_t inputs = input.tokens() * input.terms();
  if (inputs > 0 && (is_trellis(*layer) ? cpu_kernels::multiplies_trellis(inputs)
                                        : cpu_kernels::multiplies_rows(layer->quantizer, inputs)))
    work.int8 = input.int8(layer->rotation.get());
  else
    work.x = input.rotated(layer->rotation.get());
  return work;
}

void CpuLinear::multiply_rows(const Work& work, std::size_t first, std::size_t count,
                              std::span<float> y) const {

  const MatrixShape matrix = shape();
  const cpu_kernels::Rows rows{first, count};
  const cpu_kernels::Output out{y, matrix.rows, work.tokens, work.terms};
  if (const auto* dense = std::get_if<DenseLinear>(&weights_))
    cpu_kernels::multiply_dense({DType::f32, std::as_bytes(std::span(dense->weights))}, matrix, rows, work.x,
                                out);
  else if (const auto* half = std::get_if<HalfLinear>(&weights_))
    cpu_kernels::multiply_dense({DType::f16, bytes_of(half->weights)}, matrix, rows, work.x, out);
  else if (const auto* mapped = std::get_if<StoredLinear>(&weights_))
    cpu_kernels::multiply_dense(mapped->rows, matrix, rows, work.x, out);
  else if (const auto* of_bytes = std::get_if<ByteLinear>(&weights_))
    cpu_kernels::multiply_bytes(*of_bytes, rows, work.int8, out);
  else {
    const auto& layer = std::get<QuantizedLinear>(weights_);
    if (is_f16(layer))
      cpu_kernels::multiply_dense({DType::f16, layer.codes}, matrix, rows, work.x, out);
    else if (work.int8.inputs == 0)
      cpu_kernels::multiply_decoded(layer, rows, work.x, out);
    else if (is_trellis(layer))
      cpu_kernels::multiply_trellis(layer, rows, work.int8, out);
    else
      cpu_kernels::multiply_rows(layer, rows, work.int8, out);
  }
  if (bias_.empty()) return;
  for (std::size_t token = 0; token < work.tokens; ++token)
    for (std::size_t i = first; i < first + count; ++i) y[token * matrix.rows + i] += bias_[i];
}

// The first products that read the input in the same form: it holds one rotation at a time.
std::size_t CpuLinear::group_size(std::span<const Product> products) {
  const Rotation* first = nullptr;
  std::size_t count = 0;
  for (const Product& product : products) {
    if (const Rotation* rotation = product.layer->rotation()) {
      if (first && first != rotation) break;
      first = rotation;
    }
    if (++count == max_group) break;
  }
  return count;
}

void CpuLinear::multiply(std::span<const Product> products, LinearInput& input) {
  while (!products.empty()) {
    const std::size_t count = group_size(products);
    multiply_group(products.first(count), input);
    products = products.subspan(count);
  }
}

void CpuLinear::multiply_group(std::span<const Product> products, LinearInput& input) {
  std::array<Work, max_group> works;
  std::array<std::size_t, max_group + 1> begins{}; // of each product's units among all
  const std::size_t count = products.size();
  for (std::size_t i = 0; i < count; ++i) {
    works[i] = products[i].layer->prepare(input);
    begins[i + 1] = begins[i] + (products[i].layer->shape().rows + unit_rows - 1) / unit_rows;
  }
  parallel_ranges(begins[count], 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t unit = begin; unit < end; ++unit) {
      std::size_t i = 0;
      while (unit >= begins[i + 1]) ++i;
      const std::size_t first = (unit - begins[i]) * unit_rows;
      products[i].layer->multiply_rows(
          works[i], first, std::min(unit_rows, products[i].layer->shape().rows - first), products[i].y);
    }
  });
}

void CpuLinear::apply(LinearInput& input, std::span<float> y) const {
  const Product product{this, y};
  multiply({&product, 1}, input);
}

void CpuLinear::row(std::size_t index, std::span<float> out) const {
  if (const auto* dense = std::get_if<DenseLinear>(&weights_)) {
    std::copy_n(dense->weights.begin() + std::ptrdiff_t(index * out.size()), out.size(), out.begin());
  } else if (const auto* half = std::get_if<HalfLinear>(&weights_)) {
    cpu_kernels::decode_dense({DType::f16, bytes_of(half->weights)}, shape(), index, out);
  } else if (const auto* mapped = std::get_if<StoredLinear>(&weights_)) {
    cpu_kernels::decode_dense(mapped->rows, shape(), index, out);
  } else if (const auto* of_bytes = std::get_if<ByteLinear>(&weights_)) {
    of_bytes->row(index, out);
  } else {
    const auto& layer = std::get<QuantizedLinear>(weights_);
    const std::size_t together = quantizer(layer.quantizer).row_granularity(); // rows that are coded together
    const std::size_t first = index / together * together,
                      count = std::min(together, layer.shape.rows - first);
    std::vector<float> values(count * out.size());
    decode_rows(layer, first, count, values);
    std::copy_n(values.begin() + std::ptrdiff_t((index - first) * out.size()), out.size(), out.begin());
    if (layer.rotation) layer.rotation->apply_inverse(out);
  }
}

} // namespace intarsia
