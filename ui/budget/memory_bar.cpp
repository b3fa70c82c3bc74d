// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/budget/memory_bar.h"

#include <QLocale>
#include <QPainter>
#include <QPainterPath>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

constexpr int bar_height = 14, swatch = 8, columns = 2, rows = 2, column_gap = 8;

// Three digits are enough, and narrow enough.
QString short_size(std::uint64_t bytes) {
  double value = double(bytes);
  while (value >= 1024) value /= 1024;
  return QLocale().formattedDataSize(qint64(bytes), value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

// Where each column begins, being as wide as what it holds, and where the last ends.
std::vector<double> column_lefts(const std::vector<QString>& words, const QFontMetricsF& metrics) {
  std::vector<double> lefts(columns + 1, 0);
  for (std::size_t column = 0; column < columns; ++column)
    for (std::size_t i = column; i < words.size(); i += columns)
      lefts[column + 1] = std::max(lefts[column + 1], lefts[column] + swatch + 5 +
                                                          metrics.horizontalAdvance(words[i]) + column_gap);
  return lefts;
}

} // namespace

MemoryBar::MemoryBar(QWidget* parent)
    : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

int MemoryBar::line_height() const { return fontMetrics().height() + 2; }

QSize MemoryBar::sizeHint() const { return {240, bar_height + 6 + (rows + 1) * line_height()}; }

void MemoryBar::set_parts(std::vector<Part> parts, std::uint64_t free_bytes, const QString& device) {
  parts_ = std::move(parts);
  free_ = free_bytes;
  QStringList lines;
  for (const Part& part : parts_)
    lines << tr("%1: %2").arg(part.name, QLocale().formattedDataSize(qint64(part.bytes), 2));
  lines << tr("in all: %1").arg(QLocale().formattedDataSize(qint64(total()), 2));
  if (free_ > 0) lines << tr("free on %1: %2").arg(device, QLocale().formattedDataSize(qint64(free_), 2));
  setToolTip(lines.join('\n'));
  setAccessibleName(tr("Memory needed: ") + lines.join(QStringLiteral(", ")));
  update();
}

std::uint64_t MemoryBar::total() const {
  std::uint64_t sum = 0;
  for (const Part& part : parts_) sum += part.bytes;
  return sum;
}

bool MemoryBar::fits() const { return free_ == 0 || total() <= free_; }

QString MemoryBar::summary() const {
  if (free_ == 0) return tr("%1 in all").arg(short_size(total()));
  return fits() ? tr("%1 of %2 free").arg(short_size(total()), short_size(free_))
                : tr("%1: more than the %2 that are free").arg(short_size(total()), short_size(free_));
}

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
  small.setPixelSize(std::max(9, fontInfo().pixelSize() - 2));
  painter.setFont(small);
  painter.setPen(fits() ? theme.text : theme.danger);
  painter.drawText(QRectF(0, bar_height + 2, width(), line_height()), Qt::AlignVCenter | Qt::AlignLeft,
                   summary());
  std::vector<QString> words;
  for (const Part& part : parts_) words.push_back(tr("%1 %2").arg(part.name, short_size(part.bytes)));
  std::vector<double> lefts = column_lefts(words, QFontMetricsF(small));
  while (lefts[columns] - column_gap > width() && small.pixelSize() > 8) {
    small.setPixelSize(small.pixelSize() - 1);
    painter.setFont(small);
    lefts = column_lefts(words, QFontMetricsF(small));
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const std::size_t column = i % columns;
    const QRectF cell(lefts[column], bar_height + 4 + double(1 + i / columns) * line_height(),
                      lefts[column + 1] - lefts[column], line_height());
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour(i));
    painter.drawRoundedRect(QRectF(cell.left(), cell.center().y() - swatch / 2, swatch, swatch), 2, 2);
    painter.setPen(theme.muted);
    painter.drawText(cell.adjusted(swatch + 5, 0, 0, 0), Qt::AlignVCenter | Qt::AlignLeft, words[i]);
  }
}

} // namespace intarsia::ui
