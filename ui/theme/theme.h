// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Colours and measures of the window, light and dark, from the palette the system gives.
#pragma once

#include <QColor>
#include <QPalette>
#include <QString>

namespace intarsia::ui {

struct Theme {
  bool dark = false;
  QColor ground, card, border, track; // track: empty parts of bars and sliders
  QColor text, muted;
  QColor accent, accent_soft, on_accent;
  QColor good;   // done, and gains
  QColor bridge; // fused layers, nothing else
  QColor danger, warning;

  static Theme of(const QPalette& palette);
  QString style_sheet() const; // of the whole application
};

constexpr int spacing = 8; // pixels; spacings are multiples
constexpr int card_radius = 12;

// A colour map of rising lightness that is safe for colour blindness. t in [0, 1]; thirteenths, which are
// half bits between 1.5 and 8, are told apart by eye.
QColor heat_colour(double t);

} // namespace intarsia::ui
