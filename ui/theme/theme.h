// SPDX-License-Identifier: GPL-3.0-or-later
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
  QColor danger;

  static Theme of(const QPalette& palette);
  QString style_sheet() const; // of the whole application
};

constexpr int spacing = 8; // pixels; spacings are multiples
constexpr int card_radius = 12;

// The cividis colour map (Nuñez, Anderton, Renslow 2018): perceptually uniform and safe for colour blindness.
// t in [0, 1].
QColor cividis(double t);

} // namespace intarsia::ui
