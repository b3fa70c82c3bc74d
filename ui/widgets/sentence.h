// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QString>

namespace intarsia::ui {

// The engine's sentence as one that stands alone: with a capital, but where it begins with the name of a
// file, a layer or a field, and with a full stop.
QString as_sentence(const QString& text);

} // namespace intarsia::ui
