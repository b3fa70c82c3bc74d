// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a core can do: 16-bit lane operations a second in registers, on the instruction set that the engine
// uses.
#pragma once

namespace intarsia::bench {

double measure_simd_rate(); // lane operations (add, subtract, multiply, minimum) a second, one core
double measure_fma_rate();  // binary32 operations a second in fused multiply-adds (two each), one core

} // namespace intarsia::bench
