// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

class QWidget;

namespace intarsia::ui {

// Makes Tab go through `root` as it is laid out, and not in the order in which its widgets were made.
void order_tabs(QWidget& root);

} // namespace intarsia::ui
