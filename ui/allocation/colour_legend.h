// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/allocation/allocation_grid.h"

namespace intarsia::ui {

// The colour scale under the heatmap with its figures, and what the marks in the cells mean.
class ColourLegend : public QWidget {
  Q_OBJECT
 public:
  explicit ColourLegend(QWidget* parent = nullptr);
  void set_content(CellQuantity quantity, const AllocationGrid& grid, bool provisional);

 protected:
  void paintEvent(QPaintEvent* event) override;
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {100, sizeHint().height()}; }

 private:
  double paint_scale(QPainter& painter) const; // where it ends
  ColourRange range_;
  CellQuantity quantity_ = CellQuantity::bits;
  QString name_;
  bool fused_ = false, kernels_ = false, pinned_ = false, provisional_ = false;
};

} // namespace intarsia::ui
