// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Keys and values of a sequence's tokens: for each block a matrix [capacity, kv_dim] of keys and one of
// values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/runtime/kv_precision.h"

namespace intarsia {

class KvCache {
 public:
  // kv_dim = key-value heads * head_dim. All memory is allocated here.
  KvCache(std::size_t blocks, std::size_t capacity, std::size_t kv_dim, std::size_t head_dim,
          KvPrecision precision);

  // key, value: kv_dim numbers each, of the token at position `token`.
  void store(std::size_t block, std::size_t token, std::span<const float> key, std::span<const float> value);
  // out[t] = dot product of `query` (head_dim numbers) with the key of token t, for t < out.size(). `offset`:
  // first column of the key-value head within kv_dim, a multiple of head_dim.
  void scores(std::size_t block, std::size_t offset, std::span<const float> query,
              std::span<float> out) const;
  // out += sum_t weights[t] * value of token t, of the same head; out: head_dim numbers.
  void add_values(std::size_t block, std::size_t offset, std::span<const float> weights,
                  std::span<float> out) const;

  static std::uint64_t bytes(std::size_t blocks, std::size_t capacity, std::size_t kv_dim,
                             std::size_t head_dim, KvPrecision precision);

 private:
  // By precision: `single`, `half`, or `codes` with `scales`.
  struct Store {
    std::vector<float> single;
    std::vector<std::uint16_t> half, scales; // binary16; scales: [rows, key-value heads]
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
