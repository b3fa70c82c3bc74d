// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How the palette makes its members; one file each.
#pragma once

#include <memory>

#include "core/palette/quantizer.h"

namespace intarsia {

std::unique_ptr<Quantizer> make_nuq(int bits);     // 2 … 8
std::unique_ptr<Quantizer> make_vq(int half_bits); // 3 … 12: bits per weight times two
std::unique_ptr<Quantizer> make_tcq(int quarters); // 6 … 20: bits per weight times four
// 7 … 19: half of d_in a quarter bit below, half above.
std::unique_ptr<Quantizer> make_half_tcq(int quarters);
std::unique_ptr<Quantizer> make_f16();

} // namespace intarsia
