// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/allocation/colour_legend.h"

#include <QLinearGradient>
#include <QLocale>
#include <QPainter>

#include "ui/theme/theme.h"

namespace intarsia::ui {

ColourLegend::ColourLegend(QWidget* parent)
    : QWidget(parent) {
  setFixedHeight(20);
}

void ColourLegend::set_range(CellQuantity quantity, const ColourRange& range) {
  const QLocale locale;
  low_ = locale.toString(range.low, 'g', 3);
  high_ = locale.toString(range.high, 'g', 3);
  name_ = quantity_name(quantity).toLower() +
          (quantity == CellQuantity::bits
               ? tr(" per weight; letter: N scalar, V pairs, T trellis, H half-trellis")
               : QString());
  setAccessibleName(tr("Colours from %1 to %2, %3").arg(low_, high_, name_));
  update();
}

void ColourLegend::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const Theme theme = Theme::of(palette());
  QFont small = font();
  small.setPixelSize(11);
  painter.setFont(small);
  painter.setPen(theme.muted);
  const QFontMetrics metrics(small);
  const int left = 48, bar = 220, after = left + metrics.horizontalAdvance(low_) + 8;
  painter.drawText(QRect(left, 0, 100, height()), Qt::AlignVCenter, low_);
  QLinearGradient gradient(after, 0, after + bar, 0);
  for (int i = 0; i <= 16; ++i) gradient.setColorAt(i / 16.0, cividis(i / 16.0));
  painter.fillRect(QRect(after, 6, bar, 8), gradient);
  painter.drawText(QRect(after + bar + 8, 0, 600, height()), Qt::AlignVCenter, high_ + "   " + name_);
}

} // namespace intarsia::ui
