// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/cell_plottable.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "ui/theme/theme.h"

namespace intarsia::ui {
namespace {

constexpr double gap = 1.0, corner = 4.0;          // pixels
constexpr double text_room = 20, family_room = 44; // narrowest cell, in pixels, that holds a number, a letter
constexpr double bridge_width = 2.0;

QColor ink_on(const QColor& ground) {
  // Relative luminance of WCAG 2; 0.18 is where black and white read equally well.
  const auto linear = [](double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
  const double luminance =
      0.2126 * linear(ground.redF()) + 0.7152 * linear(ground.greenF()) + 0.0722 * linear(ground.blueF());
  return luminance > 0.18 ? QColor(Qt::black) : QColor(Qt::white);
}

QColor mix(const QColor& from, const QColor& to, double t) {
  const auto channel = [t](double a, double b) { return float(a + (b - a) * t); };
  return QColor::fromRgbF(channel(from.redF(), to.redF()), channel(from.greenF(), to.greenF()),
                          channel(from.blueF(), to.blueF()));
}

// The family is a letter, never a hue.
QString letter_of(QuantizerFamily family) { return QString(QLatin1Char(family_letter(family))); }

} // namespace

CellPlottable::CellPlottable(QCPAxis* key_axis, QCPAxis* value_axis)
    : QCPAbstractPlottable(key_axis, value_axis) {}

void CellPlottable::set_grid(const AllocationGrid& grid, CellQuantity quantity) {
  std::vector<QColor> shown(colours_.size());
  for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = blended_colour(i);
  grid_ = grid;
  quantity_ = quantity;
  range_ = colour_range(grid_, quantity_);
  colours_.clear();
  for (const auto& cell : grid_.cells) colours_.push_back(target_colour(cell));
  previous_colours_ = shown.size() == colours_.size() ? shown : colours_;
}

void CellPlottable::set_focus(GridPosition focus, bool visible) {
  focus_ = focus;
  focus_visible_ = visible;
}

QColor CellPlottable::target_colour(const AllocationCell& cell) const {
  const auto value = cell_value(cell, quantity_);
  return value ? heat_colour(range_.position(*value)) : style_.unknown;
}

QColor CellPlottable::blended_colour(std::size_t index) const {
  return mix(previous_colours_[index], colours_[index], blend_);
}

QColor CellPlottable::cell_colour(GridPosition position) const {
  return colours_[std::size_t(position.row) * grid_.blocks + std::size_t(position.block)];
}

QRectF CellPlottable::cell_rect(GridPosition position) const {
  const QPointF a = coordsToPixels(position.block - 0.5, position.row - 0.5);
  const QPointF b = coordsToPixels(position.block + 0.5, position.row + 0.5);
  return QRectF(a, b).normalized().adjusted(gap, gap, -gap, -gap);
}

void CellPlottable::draw(QCPPainter* painter) {
  if (grid_.empty()) return;
  painter->setAntialiasing(true);
  painter->setFont(style_.font);
  const QCPRange visible = mKeyAxis->range();
  const int first = std::max(0, int(std::floor(visible.lower)));
  const int last = std::min(int(grid_.blocks) - 1, int(std::ceil(visible.upper)));
  for (int block = first; block <= last; ++block) {
    for (int row = 0; row < int(grid_.roles.size()); ++row) draw_cell(painter, {row, block});
    draw_bridges(painter, block);
  }
  for (const GridPosition& position : selection_) draw_ring(painter, position, style_.selected, 2);
  if (!focus_visible_) return;
  draw_ring(painter, focus_, style_.background, 4.5); // seen on light and on dark cells
  draw_ring(painter, focus_, style_.focus, 2.5);
}

void CellPlottable::draw_cell(QCPPainter* painter, GridPosition position) {
  const AllocationCell& cell = grid_.at(std::size_t(position.row), std::size_t(position.block));
  if (cell.layer.empty()) return;
  const QRectF rect = cell_rect(position);
  QColor ground = blended_colour(std::size_t(position.row) * grid_.blocks + std::size_t(position.block));
  if (old_) ground = mix(ground, style_.unknown, 0.65);
  const QColor ink = ink_on(ground);
  painter->setPen(QPen(style_.outline, 0.6)); // the darkest and the lightest cells end where the card begins
  painter->setBrush(ground);
  painter->drawRoundedRect(rect, corner, corner);
  if (provisional_ && cell.quantizer) {
    QColor line = ink;
    line.setAlphaF(0.28f);
    painter->setPen(Qt::NoPen);
    painter->setBrush(QBrush(line, Qt::BDiagPattern));
    painter->drawRoundedRect(rect, corner, corner);
  }
  if (rect.width() >= text_room && rect.height() >= style_.font.pixelSize() + 2) {
    painter->setPen(ink);
    QFont font = style_.font;
    QString text = cell_short_text(cell, quantity_);
    while (font.pixelSize() > 8 && QFontMetricsF(font).horizontalAdvance(text) > rect.width() - 2)
      font.setPixelSize(font.pixelSize() - 1);
    painter->setFont(font);
    if (QFontMetricsF(font).horizontalAdvance(text) <= rect.width() + 1)
      painter->drawText(rect, Qt::AlignCenter, text);
    painter->setFont(style_.font);
  }
  draw_marks(painter, cell, rect, ink);
}

void CellPlottable::draw_marks(QCPPainter* painter, const AllocationCell& cell, const QRectF& rect,
                               const QColor& ink) {
  QColor faint = ink;
  faint.setAlphaF(0.65f);
  if (cell.quantizer && quantity_ == CellQuantity::bits && rect.width() >= family_room) {
    QFont small = style_.font;
    small.setPixelSize(std::max(8, small.pixelSize() - 3));
    painter->setFont(small);
    painter->setPen(faint);
    painter->drawText(rect.adjusted(4, 2, -4, -2), Qt::AlignLeft | Qt::AlignTop,
                      letter_of(cell.quantizer->family));
    painter->setFont(style_.font);
  }
  painter->setPen(Qt::NoPen);
  if (cell.pin) { // a folded corner
    painter->setBrush(ink);
    const QPointF corner_point = rect.topRight() - QPointF(1.5, -1.5);
    painter->drawPolygon(
        QPolygonF({corner_point, corner_point - QPointF(7, 0), corner_point + QPointF(0, 7)}));
  }
  if (cell.kernel == "cuda-core") {
    painter->setBrush(faint);
    painter->drawEllipse(rect.bottomRight() - QPointF(5, 5), 2, 2);
  }
}

void CellPlottable::draw_bridges(QCPPainter* painter, int block) {
  std::map<int, std::vector<int>> groups; // fusion -> rows, top to bottom
  for (int row = 0; row < int(grid_.roles.size()); ++row) {
    const int fusion = grid_.at(std::size_t(row), std::size_t(block)).fusion;
    if (fusion >= 0) groups[fusion].push_back(row);
  }
  for (const auto& [fusion, rows] : groups) {
    for (const int row : rows) draw_ring(painter, {row, block}, style_.bridge, bridge_width);
    for (std::size_t i = 1; i < rows.size(); ++i) {
      const QRectF upper = cell_rect({rows[i - 1], block}), lower = cell_rect({rows[i], block});
      painter->setPen(Qt::NoPen);
      painter->setBrush(style_.bridge);
      const double width = std::min(8.0, upper.width() / 3);
      // Members that are not neighbours are joined past the one between, along the left edge.
      const double x = rows[i] == rows[i - 1] + 1 ? upper.center().x() : upper.left() + width / 2;
      painter->drawRect(
          QRectF(QPointF(x - width / 2, upper.bottom() - 1), QPointF(x + width / 2, lower.top() + 1)));
    }
  }
}

void CellPlottable::draw_ring(QCPPainter* painter, GridPosition position, const QColor& colour,
                              double width) {
  painter->setBrush(Qt::NoBrush);
  painter->setPen(QPen(colour, width));
  painter->drawRoundedRect(cell_rect(position), corner, corner);
}

double CellPlottable::selectTest(const QPointF&, bool, QVariant*) const { return -1; } // the view selects

QCPRange CellPlottable::getKeyRange(bool& found, QCP::SignDomain) const {
  found = !grid_.empty();
  return QCPRange(-0.5, double(grid_.blocks) - 0.5);
}

QCPRange CellPlottable::getValueRange(bool& found, QCP::SignDomain, const QCPRange&) const {
  found = !grid_.empty();
  return QCPRange(-0.5, double(grid_.roles.size()) - 0.5);
}

void CellPlottable::drawLegendIcon(QCPPainter* painter, const QRectF& rect) const {
  painter->fillRect(rect, heat_colour(0.5));
}

} // namespace intarsia::ui
