// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The allocation as a table, a linear a row: for screen readers, for copying, and for sorting.
#pragma once

#include <QAbstractTableModel>

#include "ui/allocation/allocation_grid.h"

namespace intarsia::ui {

class AllocationTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column {
    layer,
    quantizer,
    kernel,
    bits,
    sensitivity,
    distortion,
    loss_share,
    bytes,
    pin,
    column_count
  };
  static constexpr int sort_role = Qt::UserRole; // numbers as numbers

  explicit AllocationTableModel(QObject* parent = nullptr);
  void set_grid(const AllocationGrid& grid);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  QVariant sort_value(const AllocationCell& cell, int column) const;
  QString text(const AllocationCell& cell, int column) const;

  std::vector<AllocationCell> cells_; // in order of blocks
};

} // namespace intarsia::ui
