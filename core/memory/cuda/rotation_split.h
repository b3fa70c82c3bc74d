// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A rotation as its kernel computes it (cuda/kernels/rotation.cuh). Plain C++.
#pragma once

#include <cstdint>
#include <vector>

#include "core/palette/rotation.h"

namespace intarsia::cuda {

// blocks x order x power, as Rotation's; of the power of two `sylvester` went over to the order, so that more
// multiprocessors share a row.
struct RotationSplit {
  std::size_t blocks, order, power, sylvester;
  auto operator<=>(const RotationSplit&) const = default;
};
RotationSplit split_rotation(const Rotation& rotation);
RotationSplit split_rotation(std::size_t d_in);

// The signs of the dense factor, or of its transpose, which the inverse needs; empty for order 1.
std::vector<std::uint32_t> dense_signs(const RotationSplit& split, bool transposed);
std::uint64_t dense_sign_bytes(const RotationSplit& split);

} // namespace intarsia::cuda
