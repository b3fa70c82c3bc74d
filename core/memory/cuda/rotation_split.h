// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How the CUDA kernel factors a rotation's Hadamard matrix (cuda/kernels/rotation.cuh). Plain C++.
#pragma once

#include <cstdint>
#include <vector>

#include "core/palette/rotation.h"

namespace intarsia::cuda {

// d_in = blocks * order * power: per block the Kronecker product of a dense matrix of `order` and Sylvester's
// matrix of `power`, a power of two. As in Rotation, except that a factor `sylvester` of the power was moved
// to the order, so that more multiprocessors share a row.
struct RotationSplit {
  std::size_t blocks, order, power, sylvester;
  auto operator<=>(const RotationSplit&) const = default;
};
RotationSplit split_rotation(const Rotation& rotation);
RotationSplit split_rotation(std::size_t d_in);

// Signs of the dense factor, or of its transpose for the inverse: rows of order bits, padded to 32-bit words;
// empty for order 1.
std::vector<std::uint32_t> dense_signs(const RotationSplit& split, bool transposed);
std::uint64_t dense_sign_bytes(const RotationSplit& split);

} // namespace intarsia::cuda
