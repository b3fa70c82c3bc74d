// SPDX-License-Identifier: GPL-3.0-or-later
// Keys and values of the tokens seen so far, [block][token][kv_dim], in binary16 or f32.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace intarsia {

class KvCache {
 public:
  KvCache(std::size_t blocks, std::size_t capacity, std::size_t kv_dim, bool half_precision);

  void store(std::size_t block, std::size_t token, std::span<const float> key, std::span<const float> value);
  // Products of a query head with the keys of tokens 0 … count-1; `offset` is the head's place within kv_dim.
  void scores(std::size_t block, std::size_t offset, std::span<const float> query,
              std::span<float> out) const;
  // out += sum_t weights[t] * value[t].
  void add_values(std::size_t block, std::size_t offset, std::span<const float> weights,
                  std::span<float> out) const;

  static std::uint64_t bytes(std::size_t blocks, std::size_t capacity, std::size_t kv_dim,
                             bool half_precision) {
    return std::uint64_t(2) * blocks * capacity * kv_dim * (half_precision ? 2 : 4);
  }

 private:
  std::size_t index(std::size_t block, std::size_t token) const {
    return (block * capacity_ + token) * kv_dim_;
  }

  std::size_t capacity_, kv_dim_;
  std::vector<std::uint16_t> half_keys_, half_values_;
  std::vector<float> keys_, values_;
};

} // namespace intarsia
