// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "ui/allocation/allocation_grid.h"

namespace intarsia::ui {

// The colour scale under the heatmap with its ends in words.
class ColourLegend : public QWidget {
  Q_OBJECT
 public:
  explicit ColourLegend(QWidget* parent = nullptr);
  void set_range(CellQuantity quantity, const ColourRange& range);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QString low_, high_, name_;
};

} // namespace intarsia::ui
