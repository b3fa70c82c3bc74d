// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <functional>
#include <vector>

#include "core/palette/quantizer_id.h"

class QMenu;

namespace intarsia::ui {

// A submenu a family, with its quantizers by rising bits: the whole palette is too long for one.
void add_quantizers(QMenu& menu, const std::vector<QuantizerId>& quantizers,
                    const std::function<void(QuantizerId)>& chosen);

} // namespace intarsia::ui
