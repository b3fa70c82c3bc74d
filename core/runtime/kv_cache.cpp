// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/kv_cache.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/half.h"
#include "core/runtime/int8_kernels.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

constexpr float max_code = 127, max_scale = 65504; // of int8, of binary16

// Codes of one head's vector, and the scale that they are multiplied by.
std::uint16_t quantize(std::span<const float> values, std::int8_t* codes) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  const std::uint16_t half = float_to_half(std::min(largest / max_code, max_scale));
  const float scale = half_to_float(half);
  const float factor = scale > 0 ? 1 / scale : 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    codes[i] = std::int8_t(std::lrintf(std::clamp(values[i] * factor, -max_code, max_code)));
  return half;
}

} // namespace

const char* to_string(KvPrecision precision) {
  return precision == KvPrecision::f32 ? "f32" : precision == KvPrecision::f16 ? "f16" : "q8";
}

KvPrecision parse_kv_precision(std::string_view text) {
  if (text == "f16") return KvPrecision::f16;
  if (text == "q8") return KvPrecision::q8;
  throw Error(ErrorKind::usage, "a KV cache is held in f16 or q8, not in \"" + std::string(text) + "\"");
}

KvCache::KvCache(std::size_t blocks, std::size_t capacity, std::size_t kv_dim, std::size_t head_dim,
                 KvPrecision precision)
    : blocks_(blocks)
    , capacity_(capacity)
    , kv_dim_(kv_dim)
    , head_dim_(head_dim)
    , precision_(precision) {
  resize(keys_);
  resize(values_);
}

void KvCache::resize(Store& store) const {
  const std::size_t rows = blocks_ * capacity_;
  if (precision_ == KvPrecision::f32) return store.single.resize(rows * kv_dim_);
  if (precision_ == KvPrecision::f16) return store.half.resize(rows * kv_dim_);
  store.codes.resize(rows * kv_dim_);
  store.scales.resize(rows * heads());
}

void KvCache::put(Store& store, std::size_t row, std::span<const float> values) const {
  const std::size_t start = row * kv_dim_;
  if (precision_ == KvPrecision::f32) {
    std::copy(values.begin(), values.end(), store.single.begin() + std::ptrdiff_t(start));
  } else if (precision_ == KvPrecision::f16) {
    for (std::size_t i = 0; i < kv_dim_; ++i) store.half[start + i] = float_to_half(values[i]);
  } else {
    for (std::size_t head = 0; head < heads(); ++head)
      store.scales[row * heads() + head] = quantize(values.subspan(head * head_dim_, head_dim_),
                                                    store.codes.data() + start + head * head_dim_);
  }
}

void KvCache::store(std::size_t block, std::size_t token, std::span<const float> key,
                    std::span<const float> value) {
  put(keys_, row(block, token), key);
  put(values_, row(block, token), value);
}

void KvCache::scores(std::size_t block, std::size_t offset, std::span<const float> query,
                     std::span<float> out) const {
  const std::size_t head = offset / head_dim_;
  for (std::size_t token = 0; token < out.size(); ++token) {
    const std::size_t at = row(block, token), start = at * kv_dim_ + offset;
    if (precision_ == KvPrecision::f32)
      out[token] = kernels::dot(keys_.single.data() + start, query.data(), query.size());
    else if (precision_ == KvPrecision::f16)
      out[token] = kernels::dot_half(keys_.half.data() + start, query.data(), query.size());
    else
      out[token] = half_to_float(keys_.scales[at * heads() + head]) *
                   kernels::dot_int8(keys_.codes.data() + start, query.data(), query.size());
  }
}

void KvCache::add_values(std::size_t block, std::size_t offset, std::span<const float> weights,
                         std::span<float> out) const {
  const std::size_t head = offset / head_dim_;
  for (std::size_t token = 0; token < weights.size(); ++token) {
    const std::size_t at = row(block, token), start = at * kv_dim_ + offset;
    if (precision_ == KvPrecision::f32)
      kernels::add_scaled(weights[token], values_.single.data() + start, out.data(), out.size());
    else if (precision_ == KvPrecision::f16)
      kernels::add_scaled_half(weights[token], values_.half.data() + start, out.data(), out.size());
    else
      kernels::add_scaled_int8(weights[token] * half_to_float(values_.scales[at * heads() + head]),
                               values_.codes.data() + start, out.data(), out.size());
  }
}

std::uint64_t KvCache::bytes(std::size_t blocks, std::size_t capacity, std::size_t kv_dim,
                             std::size_t head_dim, KvPrecision precision) {
  const std::uint64_t values = std::uint64_t(2) * blocks * capacity * kv_dim;
  if (precision == KvPrecision::f32) return 4 * values;
  if (precision == KvPrecision::f16) return 2 * values;
  return values + 2 * values / head_dim;
}

} // namespace intarsia
