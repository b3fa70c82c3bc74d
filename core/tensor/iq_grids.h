// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Codebooks of ggml's IQ types.
#pragma once

#include <cstdint>

namespace intarsia {

struct IqGrids {
  // Code c is the 8 (iq1, iq2) or 4 (iq3) values from c times that on.
  std::int8_t iq1[2048 * 8];
  std::int8_t iq2_xxs[256 * 8], iq2_xs[512 * 8], iq2_s[1024 * 8];
  std::int8_t iq3_xxs[256 * 4], iq3_s[512 * 4];
};
const IqGrids& iq_grids(); // unpacked when first asked for

} // namespace intarsia
