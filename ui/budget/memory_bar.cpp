// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/budget/memory_bar.h"

#include <QLocale>
#include <QPainter>
#include <QPainterPath>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

constexpr int bar_height = 14, line_height = 20, swatch = 8;

// Three digits are enough, and narrow enough.
QString short_size(std::uint64_t bytes) {
  double value = double(bytes);
  while (value >= 1024) value /= 1024;
  return QLocale().formattedDataSize(qint64(bytes), value >= 100 ? 0 : 1);
}

} // namespace

MemoryBar::MemoryBar(QWidget* parent)
    : QWidget(parent) {
  setMinimumHeight(bar_height + 2 * line_height + 4);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void MemoryBar::set_parts(std::vector<Part> parts, std::uint64_t free_bytes) {
  parts_ = std::move(parts);
  free_ = free_bytes;
  QStringList lines;
  for (const Part& part : parts_)
    lines << tr("%1: %2").arg(part.name, QLocale().formattedDataSize(qint64(part.bytes), 2));
  lines << tr("free on the device: %1").arg(QLocale().formattedDataSize(qint64(free_), 2));
  setToolTip(lines.join('\n'));
  setAccessibleName(tr("Memory needed: ") + lines.join(QStringLiteral(", ")));
  setMinimumHeight(bar_height + line_height * int((parts_.size() + 1) / 2) + 8);
  update();
}

std::uint64_t MemoryBar::total() const {
  std::uint64_t sum = 0;
  for (const Part& part : parts_) sum += part.bytes;
  return sum;
}

bool MemoryBar::fits() const { return total() <= free_; }

QColor MemoryBar::colour(std::size_t part) const {
  const Theme theme = Theme::of(palette());
  QColor base = fits() ? theme.accent : theme.danger;
  constexpr double strengths[] = {1, 0.65, 0.4, 0.22};
  base.setAlphaF(float(strengths[std::min<std::size_t>(part, 3)]));
  return base;
}

void MemoryBar::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(palette());
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const QRectF bar(0, 0, width(), bar_height);
  QPainterPath outline;
  outline.addRoundedRect(bar, 3, 3);
  painter.fillPath(outline, theme.track);
  painter.setClipPath(outline);
  // The bar stands for what the plan needs, or for the free memory where the plan takes a fair part of it.
  const double needed = double(total()), scale = std::max(needed, std::min(double(free_), 1.35 * needed));
  double left = 0;
  for (std::size_t i = 0; i < parts_.size() && scale > 0; ++i) {
    const double size = double(parts_[i].bytes) / scale * width();
    painter.fillRect(QRectF(left, 0, size, bar_height), colour(i));
    left += size;
  }
  painter.setClipping(false);
  QFont small = font();
  small.setPixelSize(11);
  painter.setFont(small);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const QRectF cell(double(i % 2) * width() / 2, bar_height + 6 + double(i / 2) * line_height,
                      width() / 2.0, line_height);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour(i));
    painter.drawRoundedRect(QRectF(cell.left(), cell.center().y() - swatch / 2, swatch, swatch), 2, 2);
    painter.setPen(theme.muted);
    painter.drawText(cell.adjusted(swatch + 5, 0, 0, 0), Qt::AlignVCenter | Qt::AlignLeft,
                     tr("%1 %2").arg(parts_[i].name, short_size(parts_[i].bytes)));
  }
}

} // namespace intarsia::ui
