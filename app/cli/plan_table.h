// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <string>

#include "core/allocation/plan.h"

namespace intarsia::cli {

// Blocks left to right, linears as rows, family and bits in each cell: "n4" is nuq-4, "v2.5" vq-2.5. Ends
// with a line break.
std::string plan_table(const Plan& plan, const LayerGraph& graph);

} // namespace intarsia::cli
