// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/model/tensor_table_model.h"

#include <QLocale>

namespace intarsia::ui {

void TensorTableModel::set_tensors(std::vector<TensorInfo> tensors) {
  beginResetModel();
  tensors_ = std::move(tensors);
  endResetModel();
}

QVariant TensorTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const TensorInfo& tensor = tensors_[std::size_t(index.row())];
  if (role == sort_role && index.column() == size) return qulonglong(tensor.bytes);
  if (role == Qt::TextAlignmentRole && index.column() == size) return int(Qt::AlignRight | Qt::AlignVCenter);
  if (role != Qt::DisplayRole && role != sort_role) return {};
  switch (index.column()) {
  case name:
    return QString::fromStdString(tensor.name);
  case type:
    return QString::fromUtf8(dtype_name(tensor.dtype).data(), qsizetype(dtype_name(tensor.dtype).size()));
  case shape: {
    QStringList extents;
    for (const std::uint64_t extent : tensor.shape) extents << QString::number(extent);
    return extents.join(QStringLiteral(" × "));
  }
  case size:
    return QLocale().formattedDataSize(qint64(tensor.bytes), 1);
  default:
    return {};
  }
}

QVariant TensorTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (role != Qt::DisplayRole || orientation == Qt::Vertical) return {};
  switch (section) {
  case name:
    return tr("Tensor");
  case type:
    return tr("Type");
  case shape:
    return tr("Shape");
  case size:
    return tr("Size");
  default:
    return {};
  }
}

} // namespace intarsia::ui
