// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/kv_cache.h"

#include <algorithm>

#include "core/base/half.h"
#include "core/tensor/kernels.h"

namespace intarsia {

KvCache::KvCache(std::size_t blocks, std::size_t capacity, std::size_t kv_dim, bool half_precision)
    : capacity_(capacity)
    , kv_dim_(kv_dim) {
  const std::size_t count = blocks * capacity * kv_dim;
  if (half_precision) {
    half_keys_.resize(count);
    half_values_.resize(count);
  } else {
    keys_.resize(count);
    values_.resize(count);
  }
}

void KvCache::store(std::size_t block, std::size_t token, std::span<const float> key,
                    std::span<const float> value) {
  const std::size_t start = index(block, token);
  if (keys_.empty()) {
    for (std::size_t i = 0; i < kv_dim_; ++i) {
      half_keys_[start + i] = float_to_half(key[i]);
      half_values_[start + i] = float_to_half(value[i]);
    }
  } else {
    std::copy(key.begin(), key.end(), keys_.begin() + std::ptrdiff_t(start));
    std::copy(value.begin(), value.end(), values_.begin() + std::ptrdiff_t(start));
  }
}

void KvCache::scores(std::size_t block, std::size_t offset, std::span<const float> query,
                     std::span<float> out) const {
  for (std::size_t token = 0; token < out.size(); ++token) {
    const std::size_t start = index(block, token) + offset;
    out[token] = keys_.empty() ? kernels::dot_half(half_keys_.data() + start, query.data(), query.size())
                               : kernels::dot(keys_.data() + start, query.data(), query.size());
  }
}

void KvCache::add_values(std::size_t block, std::size_t offset, std::span<const float> weights,
                         std::span<float> out) const {
  for (std::size_t token = 0; token < weights.size(); ++token) {
    const std::size_t start = index(block, token) + offset;
    if (values_.empty())
      kernels::add_scaled_half(weights[token], half_values_.data() + start, out.data(), out.size());
    else
      kernels::add_scaled(weights[token], values_.data() + start, out.data(), out.size());
  }
}

} // namespace intarsia
