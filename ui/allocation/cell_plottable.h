// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Draws the cells of an allocation grid into a QCustomPlot: block b is centred at key b, row r at value r.
#pragma once

#include <qcustomplot.h>
#include <set>
#include <utility>
#include <vector>

#include "ui/allocation/allocation_grid.h"

namespace intarsia::ui {

struct GridPosition {
  int row = 0, block = 0;
  auto operator<=>(const GridPosition&) const = default;
};

struct CellStyle {
  QColor unknown; // a cell without a value
  QColor bridge;  // joins fused layers
  QColor focus;   // ring of the focused cell
  QColor selected;
  QColor outline, background; // of cells; of the card
  QFont font;
};

class CellPlottable : public QCPAbstractPlottable {
  Q_OBJECT
 public:
  CellPlottable(QCPAxis* key_axis, QCPAxis* value_axis);

  void set_style(const CellStyle& style) { style_ = style; }
  // Colours of the cells as they were stay as the start of a cross-fade (see set_blend).
  void set_grid(const AllocationGrid& grid, CellQuantity quantity);
  void set_focus(GridPosition focus, bool visible);
  void set_selection(std::set<GridPosition> selection) { selection_ = std::move(selection); }
  // Provisional: hatched. Old, of budgets that can no longer be met: dimmed.
  void set_doubt(bool provisional, bool old) {
    provisional_ = provisional;
    old_ = old;
  }
  void set_blend(double blend) { blend_ = blend; } // 0: the colours before set_grid, 1: the present ones

  QColor cell_colour(GridPosition position) const; // what a person sees once the fade is over

  double selectTest(const QPointF& point, bool only_selectable, QVariant* details = nullptr) const override;
  QCPRange getKeyRange(bool& found, QCP::SignDomain domain = QCP::sdBoth) const override;
  QCPRange getValueRange(bool& found, QCP::SignDomain domain = QCP::sdBoth,
                         const QCPRange& key_range = QCPRange()) const override;

 protected:
  void draw(QCPPainter* painter) override;
  void drawLegendIcon(QCPPainter* painter, const QRectF& rect) const override;

 private:
  QRectF cell_rect(GridPosition position) const;
  QColor target_colour(const AllocationCell& cell) const;
  QColor blended_colour(std::size_t index) const;
  void draw_cell(QCPPainter* painter, GridPosition position);
  void draw_marks(QCPPainter* painter, const AllocationCell& cell, const QRectF& rect, const QColor& ink);
  void draw_bridges(QCPPainter* painter, int block);
  void draw_ring(QCPPainter* painter, GridPosition position, const QColor& colour, double width);

  CellStyle style_;
  AllocationGrid grid_;
  CellQuantity quantity_ = CellQuantity::bits;
  ColourRange range_;
  std::vector<QColor> colours_, previous_colours_;
  std::set<GridPosition> selection_;
  GridPosition focus_;
  bool focus_visible_ = false, provisional_ = false, old_ = false;
  double blend_ = 1;
};

} // namespace intarsia::ui
