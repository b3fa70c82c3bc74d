// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Keys and values of the tokens seen so far, [block][token][kv_dim].
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/runtime/kv_precision.h"

namespace intarsia {

class KvCache {
 public:
  // `kv_dim` is a whole number of heads of `head_dim`.
  KvCache(std::size_t blocks, std::size_t capacity, std::size_t kv_dim, std::size_t head_dim,
          KvPrecision precision);
  KvCache(std::size_t blocks, std::size_t capacity, std::size_t kv_dim, bool half_precision)
      : KvCache(blocks, capacity, kv_dim, kv_dim, half_precision ? KvPrecision::f16 : KvPrecision::f32) {}

  void store(std::size_t block, std::size_t token, std::span<const float> key, std::span<const float> value);
  // Products of a query head with the keys of tokens 0 … count-1; `offset` is the head's place within kv_dim.
  void scores(std::size_t block, std::size_t offset, std::span<const float> query,
              std::span<float> out) const;
  // out += sum_t weights[t] * value[t].
  void add_values(std::size_t block, std::size_t offset, std::span<const float> weights,
                  std::span<float> out) const;

  static std::uint64_t bytes(std::size_t blocks, std::size_t capacity, std::size_t kv_dim,
                             std::size_t head_dim, KvPrecision precision);

 private:
  // One of the three is used, by the precision.
  struct Store {
    std::vector<float> single;
    std::vector<std::uint16_t> half, scales; // scales: a head's of a token each
    std::vector<std::int8_t> codes;
  };
  void resize(Store& store) const;
  void put(Store& store, std::size_t row, std::span<const float> values) const;
  std::size_t row(std::size_t block, std::size_t token) const { return block * capacity_ + token; }
  std::size_t heads() const { return kv_dim_ / head_dim_; }

  std::size_t blocks_, capacity_, kv_dim_, head_dim_;
  KvPrecision precision_;
  Store keys_, values_;
};

} // namespace intarsia
