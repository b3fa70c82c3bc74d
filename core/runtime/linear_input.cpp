// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/linear_input.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"
#include "core/runtime/cpu_kernels/panel_product.h"
#include "core/runtime/cpu_kernels/quantize_activation.h"
#include "core/runtime/cpu_kernels/trellis_dot.h"

namespace intarsia {
namespace {

constexpr std::size_t block = 64;
constexpr std::size_t tokens_per_task = 8;

std::size_t padded(std::size_t width) { return (width + block - 1) / block * block; }

std::size_t few_inputs(std::size_t tokens, std::size_t terms) {
  return std::min(tokens * terms, cpu_kernels::max_fused_inputs);
}

} // namespace

LinearInput::LinearInput(std::size_t tokens, std::size_t widest, std::size_t terms)
    : terms_(terms)
    , rotated_(tokens * widest)
    , scales_(tokens * terms)
    , values_(tokens * terms * padded(widest))
    , expanded_(few_inputs(tokens, terms) * padded(widest) * cpu_kernels::activation_copies())
    , pairs_(tokens * terms > cpu_kernels::max_fused_inputs ? values_.size() : 0)
    , sums_(tokens * terms * (padded(widest) / block + 1)) {}

std::uint64_t LinearInput::bytes(std::size_t tokens, std::size_t widest, std::size_t terms) {
  const std::uint64_t inputs = tokens * terms, columns = padded(widest);
  const std::uint64_t pairs = inputs > cpu_kernels::max_fused_inputs ? 2 * inputs * columns : 0;
  return 4 * tokens * widest + 4 * inputs + inputs * columns +
         few_inputs(tokens, terms) * columns * cpu_kernels::activation_copies() + pairs +
         4 * inputs * (columns / block + 1);
}

void LinearInput::set(std::span<const float> plain, std::size_t tokens, std::size_t width) {
  plain_ = plain.first(tokens * width);
  tokens_ = tokens;
  width_ = width;
  is_rotated_ = is_int8_ = false;
}

std::span<const float> LinearInput::rotated(const Rotation* rotation) {
  const std::span<float> out = std::span(rotated_).first(plain_.size());
  if (!is_rotated_ || rotated_by_ != rotation) {
    std::copy(plain_.begin(), plain_.end(), out.begin());
    if (rotation) rotation->apply_rows(out);
    rotated_by_ = rotation;
    is_rotated_ = true;
    is_int8_ = false;
  }
  return out;
}

void LinearInput::quantize_token(std::size_t token) {
  thread_local std::vector<float> rest; // what the first term leaves over
  const std::size_t columns = padded(width_), blocks = columns / block, inputs = tokens_ * terms_;
  const bool few = inputs <= cpu_kernels::max_fused_inputs;
  std::span<const float> x = std::span(rotated_).subspan(token * width_, width_);
  for (std::size_t term = 0; term < terms_; ++term) {
    const std::size_t input = token * terms_ + term;
    std::int8_t* values = values_.data() + input * columns;
    scales_[input] = term == 0 ? cpu_kernels::largest_magnitude(x) / 127 : scales_[input - 1] / 254;
    cpu_kernels::quantize_activation(x, scales_[input], values, sums_.data() + input * (blocks + 1));
    if (few)
      cpu_kernels::expand_activations(values, columns,
                                      expanded_.data() + input * columns * cpu_kernels::activation_copies());
    else
      cpu_kernels::pair_activations(values, columns, pairs_.data() + input * columns);
    if (term + 1 == terms_) break;
    rest.resize(width_);
    for (std::size_t i = 0; i < width_; ++i) rest[i] = x[i] - scales_[input] * float(values[i]);
    x = rest;
  }
}

Int8Activation LinearInput::int8(const Rotation* rotation) {
  rotated(rotation);
  if (!is_int8_) {
    if (tokens_ <= tokens_per_task)
      for (std::size_t token = 0; token < tokens_; ++token) quantize_token(token);
    else
      parallel_ranges(tokens_, tokens_per_task, [&](std::size_t begin, std::size_t end) {
        for (std::size_t token = begin; token < end; ++token) quantize_token(token);
      });
    is_int8_ = true;
  }
  const std::size_t inputs = tokens_ * terms_, columns = padded(width_);
  return {inputs, columns, scales_, values_, sums_, expanded_, pairs_};
}

} // namespace intarsia
