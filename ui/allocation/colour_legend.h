// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>
#include <vector>

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
  enum class Mark { none, fused, kernel, pinned, provisional };
  struct Entry {
    Mark mark;
    QString text;
  };
  std::vector<Entry> entries() const;
  static double width_of(Mark mark); // with the gap before its text
  void paint_mark(QPainter& painter, Mark mark, QPointF at) const;
  double paint_scale(QPainter& painter) const; // where it ends
  ColourRange range_;
  CellQuantity quantity_ = CellQuantity::bits;
  QString name_;
  bool fused_ = false, kernels_ = false, pinned_ = false, provisional_ = false;
};

} // namespace intarsia::ui
