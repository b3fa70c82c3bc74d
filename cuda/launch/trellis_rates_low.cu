// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rates from 6 to 10 quarter bits.
#include "cuda/launch/trellis_launch.cuh"

namespace intarsia::cuda {

INTARSIA_TRELLIS_RATE(6);
INTARSIA_TRELLIS_RATE(7);
INTARSIA_TRELLIS_RATE(8);
INTARSIA_TRELLIS_RATE(9);
INTARSIA_TRELLIS_RATE(10);

} // namespace intarsia::cuda
