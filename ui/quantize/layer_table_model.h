// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/artifact/quantize_job.h"

namespace intarsia::ui {

// The layers that a quantization has finished, predicted beside measured.
class LayerTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { layer, quantizer_id, predicted, measured, time, column_count };
  using QAbstractTableModel::QAbstractTableModel;

  void set_layers(const std::vector<LayerDone>& layers); // those of before, and more; or others

  int rowCount(const QModelIndex& parent = {}) const override {
    return parent.isValid() ? 0 : int(layers_.size());
  }
  int columnCount(const QModelIndex& parent = {}) const override {
    return parent.isValid() ? 0 : column_count;
  }
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  std::vector<LayerDone> layers_;
};

} // namespace intarsia::ui
