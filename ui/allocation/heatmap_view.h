// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The heatmap: cells of the allocation, with focus, selection, hover, zoom and a context menu. It shows what
// it is given and asks for changes by signals; it holds no model state.
#pragma once

#include <qcustomplot.h>
#include <set>
#include <vector>

#include "ui/allocation/allocation_grid.h"
#include "ui/allocation/cell_plottable.h"

class QVariantAnimation;

namespace intarsia::ui {

class HeatmapView : public QCustomPlot {
  Q_OBJECT
 public:
  explicit HeatmapView(QWidget* parent = nullptr);

  void set_grid(const AllocationGrid& grid);
  void set_quantity(CellQuantity quantity);
  void set_doubt(bool provisional, bool old); // see CellPlottable
  CellQuantity quantity() const { return quantity_; }
  // Quantizers offered by the context menu's Pin and Forbid.
  void set_quantizers(std::vector<QuantizerId> quantizers) { quantizers_ = std::move(quantizers); }

  const AllocationGrid& grid() const { return grid_; }
  GridPosition focus_position() const { return focus_; }
  void set_focus_position(GridPosition position);
  QColor cell_colour(GridPosition position) const { return cells_->cell_colour(position); }
  void select_row(int row);
  std::vector<std::string> target_layers() const;  // the selection, or the focused cell
  QPoint cell_centre(GridPosition position) const; // in widget coordinates

 signals:
  void focus_moved(const std::string& layer);
  void pin_requested(const std::vector<std::string>& layers, QuantizerId quantizer);
  void forbid_requested(const std::vector<std::string>& layers, QuantizerId quantizer);
  void unpin_requested(const std::vector<std::string>& layers); // unpin and allow everything again

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void contextMenuEvent(QContextMenuEvent* event) override;
  void changeEvent(QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void apply_theme();
  void show_whole_grid();
  void keep_range_inside(const QCPRange& range);
  void refresh_cells(bool fade);
  void refresh_focus();
  void label_axes();
  void name_axis();
  void extend_selection(GridPosition to);
  void open_menu(const QPoint& global);
  std::optional<GridPosition> position_at(const QPointF& pixel) const;
  QString describe(const AllocationCell& cell) const;

  AllocationGrid grid_;
  CellQuantity quantity_ = CellQuantity::bits;
  std::vector<QuantizerId> quantizers_;
  CellPlottable* cells_;        // owned by the plot
  QVariantAnimation* fade_;     // child
  GridPosition focus_, anchor_; // anchor: where a range selection began
  std::set<GridPosition> selection_;
};

} // namespace intarsia::ui
