// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Launches of the trellis kernels, a rate a template: instances are compiled in cuda/trellis_rates_*.cu.
#pragma once

#include <cuda_runtime_api.h>

#include "cuda/launch/trellis_plan.h"

namespace intarsia::cuda {

template <int quarters>
void start_trellis_group(const TrellisLaunch& launch, cudaStream_t stream);
template <int quarters>
void start_trellis_rows(const kernels::TrellisMatrix& matrix, int first, int count, int multiprocessors,
                        Half* out, std::size_t stride, cudaStream_t stream);

} // namespace intarsia::cuda
