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
    const QString text = figure > 0 && figure < 0.001 ? locale.toString(figure, 'f', 5)
                         : figure >= 99.5             ? locale.toString(figure, 'f', 0) // not 1e+02
                                                      : locale.toString(figure, 'g', 2);
    const double size = painter.fontMetrics().horizontalAdvance(text);
    painter.drawText(QPointF(left + part * bar - size / 2, top + thick + painter.fontMetrics().ascent() + 1),
                     text);
  }
  return left + bar;
}

std::vector<ColourLegend::Entry> ColourLegend::entries() const {
  std::vector<Entry> all{{Mark::none, name_}};
  if (fused_) all.push_back({Mark::fused, tr("fused into one kernel")});
  if (kernels_) all.push_back({Mark::kernel, tr("CUDA-core kernel")});
  if (pinned_) all.push_back({Mark::pinned, tr("pinned")});
  if (provisional_) all.push_back({Mark::provisional, tr("provisional")});
  return all;
}

double ColourLegend::width_of(Mark mark) {
  switch (mark) {
  case Mark::none:
    return 0;
  case Mark::fused:
    return 16;
  case Mark::kernel:
    return 10;
  case Mark::pinned:
    return 13;
  case Mark::provisional:
    return 17;
  }
  return 0;
}

void ColourLegend::paint_mark(QPainter& painter, Mark mark, QPointF at) const {
  const Theme theme = Theme::of(palette());
  painter.setPen(Qt::NoPen);
  painter.setBrush(theme.muted);
  switch (mark) {
  case Mark::none:
    break;
  case Mark::fused:
    painter.setPen(QPen(theme.bridge, 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(at, QSizeF(11, 10)), 2, 2);
    break;
  case Mark::kernel:
    painter.drawEllipse(at + QPointF(3, 5), 2.5, 2.5);
    break;
  case Mark::pinned:
    painter.drawPolygon(QPolygonF{{at + QPointF(0, 1), at + QPointF(8, 1), at + QPointF(8, 9)}});
    break;
  case Mark::provisional:
    painter.setPen(QPen(theme.border, 1));
    painter.setBrush(QBrush(theme.muted, Qt::BDiagPattern));
    painter.drawRect(QRectF(at, QSizeF(12, 10)));
    break;
  }
}

void ColourLegend::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const Theme theme = Theme::of(palette());
  QFont small = font();
  small.setPixelSize(std::max(9, fontInfo().pixelSize() - 2));
  painter.setFont(small);
  painter.setPen(theme.muted);
  const double left = paint_scale(painter) + 12, ascent = painter.fontMetrics().ascent();
  double x = left, baseline = 1 + ascent;
  for (const Entry& entry : entries()) {
    const double needed = width_of(entry.mark) + painter.fontMetrics().horizontalAdvance(entry.text);
    if (x + needed > width() && x > left) { // the second line, beside the scale's figures
      x = left;
      baseline += painter.fontMetrics().height();
    }
    paint_mark(painter, entry.mark, {x, baseline - ascent + 1});
    painter.setPen(theme.muted);
    painter.drawText(QPointF(x + width_of(entry.mark), baseline), entry.text);
    x += needed + 16;
  }
}

} // namespace intarsia::ui
