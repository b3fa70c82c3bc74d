// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// RMSNorm (Zhang & Sennrich 2019) of rows as wide as `gain`, and the backward pass through it.
#pragma once

#include <span>

namespace intarsia {

// y = x * gain / sqrt(mean(x^2) + epsilon).
void rms_norm(std::span<const float> x, std::span<const float> gain, float epsilon, std::span<float> y);
// Adds to dx what a gradient dy by the norm's output is by its input.
void rms_norm_backward(std::span<const float> x, std::span<const float> gain, float epsilon,
                       std::span<const float> dy, std::span<float> dx);

} // namespace intarsia
