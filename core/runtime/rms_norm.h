// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// RMSNorm (Zhang & Sennrich 2019) and its backward pass. x, y, dx and dy are [rows, gain.size()], row-major.
#pragma once

#include <span>

namespace intarsia {

// y = x * gain / sqrt(mean(x^2) + epsilon), the mean over a row.
void rms_norm(std::span<const float> x, std::span<const float> gain, float epsilon, std::span<float> y);
// dy: the gradient of the loss by y. Adds the gradient by x to dx.
void rms_norm_backward(std::span<const float> x, std::span<const float> gain, float epsilon,
                       std::span<const float> dy, std::span<float> dx);

} // namespace intarsia
