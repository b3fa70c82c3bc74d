// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rounding with feedback (LDLQ; QuIP, arXiv 2307.13304, section 3; in blocks as in QuIP#, arXiv 2402.04396):
// the columns of a layer are coded from left to right, and what a column's errors do to the output is made
// good by the columns after it as far as the inputs correlate. Among the 16 columns of a trellis's ring it
// was tried, from each lane to the next, and left out: of SmolLM2's loss it could save 4 %
// (HessianFactor::feedback_factor of 4 columns over that of 16), but survivors of 2^16 states agree late: 16
// steps back half of what seems decided still changes (the loss stays as it was), and to decide it all the
// same costs 13 % at 3 bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/palette/hessian.h"
#include "core/palette/quantizer.h"
#include "core/palette/row_fit.h"

namespace intarsia {

// Codes unit-variance rows into `codes`, on all cores; like Quantizer::encode, but errors are weighed by the
// inputs. Returns the fit of each row in the norm |v|_H^2 = |v U|^2 (U: hessian.h).
std::vector<RowFit> encode_with_feedback(const Quantizer& quantizer, std::span<const float> weights,
                                         MatrixShape shape, const HessianFactor& hessian,
                                         std::span<std::byte> codes, const JobControl& control);

} // namespace intarsia
