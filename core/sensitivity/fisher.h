// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The curvature of the KL divergence, by one backward pass for all layers together.
//
// Noise dW of relative variance t^2 in a layer, each row in proportion to its own scale, moves the next
// token's distribution p by KL(clean || noisy) = 1/2 E[dW' F dW] + O(t^3), F being Fisher's information (so
// the slope of the linearity theorem is had for all small noise levels at once). Where g is what random
// scores become by a layer's output (backward_pass.h),
//   a_l = KL / t^2 = 1/(2 T) E[sum_r s_r^2 |G_r|^2],  G = sum_i g_i x_i',  s_r = rms(W_r),
// the sum being over all tokens i of a sequence, and T the number of those that have a score.
// G is never formed: with X = [x_i] and Y = [s g_i] the sum over r is the inner product of two Gram matrices
// <X X', Y Y'>, both tokens x tokens.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/output_gradients.h"
#include "core/sensitivity/backward_pass.h"

namespace intarsia {

// a_l of every layer (blocks, embedding, head) from each of the sequences, which are equally long; in their
// order. Reads one block's weights at a time. `first`: how many sequences of the same seed came before these,
// in other calls. `gradients`, which may be null, are added to.
std::map<std::string, std::vector<double>> fisher_curvature(const WeightSource& weights,
                                                            const std::vector<Tokens>& sequences,
                                                            std::uint64_t seed, const DenseProducts& products,
                                                            const JobControl& control, std::size_t first = 0,
                                                            OutputGradients* gradients = nullptr);

} // namespace intarsia
