// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The size of all text, kept from one start to the next, and the style sheet that carries it.
#pragma once

namespace intarsia::ui {

void apply_style();      // of the application's palette, in the chosen size
void apply_zoom();       // the same, where another size than the usual one was chosen
void zoom_by(int steps); // pixels more

} // namespace intarsia::ui
