// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/checkpoint/checkpoint.h"

namespace intarsia::ui {

// Every tensor of the opened file, a row each.
class TensorTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { name, type, shape, size, column_count };
  static constexpr int sort_role = Qt::UserRole;

  explicit TensorTableModel(QObject* parent = nullptr)
      : QAbstractTableModel(parent) {}
  void set_tensors(std::vector<TensorInfo> tensors);

  int rowCount(const QModelIndex& parent = {}) const override {
    return parent.isValid() ? 0 : int(tensors_.size());
  }
  int columnCount(const QModelIndex& parent = {}) const override {
    return parent.isValid() ? 0 : column_count;
  }
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  std::vector<TensorInfo> tensors_;
};

} // namespace intarsia::ui
