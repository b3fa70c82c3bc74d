// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rates from 16 to 20 quarter bits.
#include "cuda/launch/trellis_launch.cuh"

namespace intarsia::cuda {

INTARSIA_TRELLIS_RATE(16);
INTARSIA_TRELLIS_RATE(17);
INTARSIA_TRELLIS_RATE(18);
INTARSIA_TRELLIS_RATE(19);
INTARSIA_TRELLIS_RATE(20);

} // namespace intarsia::cuda
