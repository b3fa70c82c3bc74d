// SPDX-License-Identifier: GPL-3.0-or-later
// What a core can do: 16-bit lane operations a second in registers, on the instruction set that the engine
// uses.
#pragma once

namespace intarsia::bench {

double measure_simd_rate(); // lane operations (add, subtract, multiply, minimum) a second, one core

} // namespace intarsia::bench
