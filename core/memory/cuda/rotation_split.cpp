// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/memory/cuda/rotation_split.h"

#include <vector>

#include "core/palette/hadamard.h"

namespace intarsia::cuda {
namespace {

constexpr std::size_t max_power = 256; // a block of threads computes so many outputs,
constexpr std::size_t max_order = 64;  // each a sum of so many inputs

std::size_t words_a_row(std::size_t order) { return (order + 31) / 32; }

} // namespace

RotationSplit split_rotation(const Rotation& rotation) {
  RotationSplit split{rotation.blocks(), rotation.order(), rotation.power(), 1};
  while (split.power > max_power && 2 * split.order <= max_order) {
    split.power /= 2;
    split.order *= 2;
    split.sylvester *= 2;
  }
  return split;
}

// The signs don't matter here, and drawing them would be most of what it takes to price a plan.
RotationSplit split_rotation(std::size_t d_in) {
  return split_rotation(Rotation(d_in, std::vector<std::uint8_t>((d_in + 7) / 8)));
}

std::vector<std::uint32_t> dense_signs(const RotationSplit& split, bool transposed) {
  if (split.order == 1) return {};
  const auto signs = hadamard_signs(split.order / split.sylvester, split.sylvester);
  if (!transposed) return signs;
  const std::size_t words = words_a_row(split.order);
  std::vector<std::uint32_t> turned(signs.size(), 0);
  for (std::size_t i = 0; i < split.order; ++i)
    for (std::size_t j = 0; j < split.order; ++j)
      turned[j * words + i / 32] |= (signs[i * words + j / 32] >> (j % 32) & 1) << (i % 32);
  return turned;
}

std::uint64_t dense_sign_bytes(const RotationSplit& split) {
  return split.order == 1 ? 0 : 4 * std::uint64_t(split.order) * words_a_row(split.order);
}

} // namespace intarsia::cuda
