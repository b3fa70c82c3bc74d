// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <span>

namespace intarsia {

struct Estimate {
  double mean = 0, standard_error = 0; // 0 for a single value
};

// Of values >= 0, where none counts for more than four times their median: one text of a kind that is hardly
// ever met (it begins with a token that the model never learned, say) would outweigh all others.
Estimate clipped_mean(std::span<const double> values);

} // namespace intarsia
