// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/colour_legend.h"

#include <QLinearGradient>
#include <QLocale>
#include <QPainter>
#include <cmath>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

QString unit_of(CellQuantity quantity) {
  switch (quantity) {
  case CellQuantity::bits:
    return QObject::tr("bits per weight");
  case CellQuantity::sensitivity:
    return QObject::tr("sensitivity, nats per token");
  case CellQuantity::distortion:
    return QObject::tr("distortion, relative");
  case CellQuantity::loss_share:
    return QObject::tr("% of the plan's loss");
  case CellQuantity::bytes:
    return QObject::tr("MiB");
  }
  return {};
}

double shown(CellQuantity quantity, double value) {
  if (quantity == CellQuantity::loss_share) return 100 * value;
  if (quantity == CellQuantity::bytes) return value / 0x1p20;
  return value;
}

} // namespace

ColourLegend::ColourLegend(QWidget* parent)
    : QWidget(parent) {
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
}

QSize ColourLegend::sizeHint() const { return {400, 2 * fontMetrics().height() + 2}; }

void ColourLegend::set_content(CellQuantity quantity, const AllocationGrid& grid, bool provisional) {
  quantity_ = quantity;
  range_ = colour_range(grid, quantity);
  name_ = unit_of(quantity);
  fused_ = kernels_ = pinned_ = false;
  for (const AllocationCell& cell : grid.cells) {
    fused_ = fused_ || cell.fusion >= 0;
    kernels_ = kernels_ || cell.kernel == "cuda-core";
    pinned_ = pinned_ || cell.pin.has_value();
  }
  provisional_ = provisional;
  const QLocale locale;
  setAccessibleName(tr("Colours from %1 to %2 %3")
                        .arg(locale.toString(shown(quantity_, range_.low), 'g', 3),
                             locale.toString(shown(quantity_, range_.high), 'g', 3), name_));
  setToolTip(quantity == CellQuantity::bits
                 ? tr("The letter in a wide cell: N scalar, V vector, T trellis, H half-trellis quantizer")
                 : QString());
  update();
}

double ColourLegend::paint_scale(QPainter& painter) const {
  const QLocale locale;
  const double left = 44, bar = std::clamp(width() / 3.0, 80.0, 240.0), top = 3, thick = 8;
  QLinearGradient gradient(left, 0, left + bar, 0);
  for (int i = 0; i <= 26; ++i) gradient.setColorAt(i / 26.0, heat_colour(i / 26.0));
  painter.fillRect(QRectF(left, top, bar, thick), gradient);
  std::vector<double> values;
  if (quantity_ == CellQuantity::bits) {
    for (const double bits : {2, 3, 4, 5, 6, 8, 16})
      if (bits >= range_.low && bits <= range_.high) values.push_back(bits);
  } else {
    constexpr int ticks = 3;
    for (int i = 0; i <= ticks; ++i) {
      const double part = double(i) / ticks;
      values.push_back(range_.logarithmic ? range_.low * std::pow(range_.high / range_.low, part)
                                          : range_.low + (range_.high - range_.low) * part);
    }
  }
  for (const double value : values) {
    const double part = range_.position(value);
    const double figure = shown(quantity_, value);
    const QString text =
        figure > 0 && figure < 0.001 ? locale.toString(figure, 'f', 5) : locale.toString(figure, 'g', 2);
    const double size = painter.fontMetrics().horizontalAdvance(text);
    painter.drawText(QPointF(left + part * bar - size / 2, top + thick + painter.fontMetrics().ascent() + 1),
                     text);
  }
  return left + bar;
}

void ColourLegend::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const Theme theme = Theme::of(palette());
  QFont small = font();
  small.setPixelSize(std::max(9, fontInfo().pixelSize() - 2));
  painter.setFont(small);
  painter.setPen(theme.muted);
  double x = paint_scale(painter) + 12;
  const double line = 3 + painter.fontMetrics().ascent() - 2;
  const auto say = [&](const QString& text) {
    painter.setPen(theme.muted);
    painter.drawText(QPointF(x, line), text);
    x += painter.fontMetrics().horizontalAdvance(text) + 16;
  };
  say(name_);
  if (fused_) {
    painter.setPen(QPen(theme.bridge, 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(x, 2, 11, 10), 2, 2);
    x += 16;
    say(tr("fused into one kernel"));
  }
  if (kernels_) {
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.muted);
    painter.drawEllipse(QPointF(x + 3, 7), 2.5, 2.5);
    x += 10;
    say(tr("CUDA-core kernel"));
  }
  if (pinned_) {
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.muted);
    painter.drawPolygon(QPolygonF{{x, 3}, {x + 8, 3}, {x + 8, 11}});
    x += 13;
    say(tr("pinned"));
  }
  if (provisional_) {
    painter.setPen(QPen(theme.border, 1));
    painter.setBrush(QBrush(theme.muted, Qt::BDiagPattern));
    painter.drawRect(QRectF(x, 2, 12, 10));
    x += 17;
    say(tr("provisional"));
  }
}

} // namespace intarsia::ui
