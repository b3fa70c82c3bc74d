// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What some linears read together: an activation [tokens, width] and what is made of it, once for all of
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/palette/rotation.h"

namespace intarsia {

// The rotated activation in int8. A token is one *input* of the integer kernels, or two: q and what q leaves
// over (r = x - s q, in units of s / 254), about 15 bits together. Columns are padded with zeros to a
// multiple of 64; values of input i begin at i * columns.
struct Int8Activation {
  std::size_t inputs = 0, columns = 0;
  std::span<const float> scales;         // [inputs]: s = max |x| / 127, s / 254
  std::span<const std::int8_t> values;   // [inputs, columns]
  std::span<const std::int32_t> sums;    // [inputs, columns / 64 + 1]: of the values before each 64 columns
  std::span<const std::int8_t> expanded; // few inputs: as cpu_kernels::expand_activations()
  std::span<const std::int16_t> pairs;   // many: as cpu_kernels::pair_activations()
  std::int32_t sum(std::size_t input, std::size_t first_block, std::size_t blocks) const {
    const std::int32_t* of = sums.data() + input * (columns / 64 + 1) + first_block;
    return of[blocks] - of[0];
  }
};

class LinearInput {
 public:
  // Room for `tokens` at once of up to `widest` columns; `terms`: int8 for an activation, 1 or 2; 0: never
  // asked for int8().
  LinearInput(std::size_t tokens, std::size_t widest, std::size_t terms);
  static std::uint64_t bytes(std::size_t tokens, std::size_t widest, std::size_t terms);

  // A new activation, [tokens, width]; it must stay as it is while linears read it.
  void set(std::span<const float> plain, std::size_t tokens, std::size_t width);

  std::size_t tokens() const { return tokens_; }
  std::size_t terms() const { return terms_; }
  std::span<const float> plain() const { return plain_; }
  // `rotation` may be null: the activation as it is.
  std::span<const float> rotated(const Rotation* rotation);
  Int8Activation int8(const Rotation* rotation);

 private:
  void quantize_token(std::size_t token);

  std::size_t terms_, tokens_ = 0, width_ = 0;
  std::span<const float> plain_;
  const Rotation* rotated_by_ = nullptr;
  bool is_rotated_ = false, is_int8_ = false; // by rotated_by_

  std::vector<float> rotated_, scales_;
  std::vector<std::int8_t> values_, expanded_;
  std::vector<std::int16_t> pairs_;
  std::vector<std::int32_t> sums_;
};

} // namespace intarsia
