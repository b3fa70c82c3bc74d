// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rates from 11 to 15 quarter bits.
#include "cuda/launch/trellis_launch.cuh"

namespace intarsia::cuda {

INTARSIA_TRELLIS_RATE(11);
INTARSIA_TRELLIS_RATE(12);
INTARSIA_TRELLIS_RATE(13);
INTARSIA_TRELLIS_RATE(14);
INTARSIA_TRELLIS_RATE(15);

} // namespace intarsia::cuda
