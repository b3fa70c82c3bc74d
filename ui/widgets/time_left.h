// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QString>

namespace intarsia::ui {

// "12 s left", "3 min left"; empty while it is not known (seconds < 0).
QString time_left(double seconds);

} // namespace intarsia::ui
