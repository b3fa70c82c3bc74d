// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/window/zoom.h"

#include <QApplication>
#include <QSettings>
#include <algorithm>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

constexpr int min_zoom = -3, max_zoom = 15; // pixels added to every font size of the style sheet

int zoom_steps() { return std::clamp(QSettings().value(QStringLiteral("zoom")).toInt(), min_zoom, max_zoom); }

} // namespace

// The style sheet sets the sizes of fonts, so zooming goes through it.
void apply_style() {
  QString sheet = Theme::of(QApplication::palette()).style_sheet();
  for (const int size : {15, 13})
    sheet.replace(QStringLiteral("font-size: %1px").arg(size),
                  QStringLiteral("font-size:%1px").arg(size + zoom_steps()));
  qApp->setStyleSheet(sheet);
}

void apply_zoom() {
  if (zoom_steps() != 0) apply_style();
}

void zoom_by(int steps) {
  QSettings().setValue(QStringLiteral("zoom"), std::clamp(zoom_steps() + steps, min_zoom, max_zoom));
  apply_style();
}

} // namespace intarsia::ui
