// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/allocation_table_model.h"

#include <QLocale>
#include <algorithm>

namespace intarsia::ui {
namespace {

std::optional<CellQuantity> quantity_of(int column) {
  switch (column) {
  case AllocationTableModel::bits:
    return CellQuantity::bits;
  case AllocationTableModel::sensitivity:
    return CellQuantity::sensitivity;
  case AllocationTableModel::distortion:
    return CellQuantity::distortion;
  case AllocationTableModel::loss_share:
    return CellQuantity::loss_share;
  case AllocationTableModel::bytes:
    return CellQuantity::bytes;
  default:
    return std::nullopt;
  }
}

} // namespace

AllocationTableModel::AllocationTableModel(QObject* parent)
    : QAbstractTableModel(parent) {}

void AllocationTableModel::set_grid(const AllocationGrid& grid) {
  std::vector<AllocationCell> cells;
  for (std::size_t block = 0; block < grid.blocks; ++block)
    for (std::size_t row = 0; row < grid.roles.size(); ++row)
      if (!grid.at(row, block).layer.empty()) cells.push_back(grid.at(row, block));
  if (cells.size() == cells_.size()) { // the same model with another plan: keep scroll position and selection
    cells_ = std::move(cells);
    if (!cells_.empty()) emit dataChanged(index(0, 0), index(rowCount() - 1, column_count - 1));
    return;
  }
  beginResetModel();
  cells_ = std::move(cells);
  endResetModel();
}

int AllocationTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(cells_.size());
}
int AllocationTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : column_count;
}

QVariant AllocationTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const AllocationCell& cell = cells_[std::size_t(index.row())];
  if (role == Qt::DisplayRole) return text(cell, index.column());
  if (role == sort_role) return sort_value(cell, index.column());
  if (role == Qt::TextAlignmentRole && quantity_of(index.column()))
    return int(Qt::AlignRight | Qt::AlignVCenter);
  return {};
}

QString AllocationTableModel::text(const AllocationCell& cell, int column) const {
  if (const auto quantity = quantity_of(column)) {
    if (!cell_value(cell, *quantity)) return QStringLiteral("–");
    const QLocale locale;
    switch (*quantity) {
    case CellQuantity::bytes:
      return locale.formattedDataSize(qint64(cell.bytes), 1);
    case CellQuantity::loss_share:
      return tr("%1 %").arg(locale.toString(100 * cell.loss_share, 'f', 2));
    default:
      return locale.toString(*cell_value(cell, *quantity), 'g', 4);
    }
  }
  switch (column) {
  case layer:
    return layer_text(cell);
  case quantizer:
    return cell.quantizer ? quantizer_text(cell) : QStringLiteral("–");
  case kernel:
    return QString::fromStdString(cell.kernel);
  case pin:
    return cell.pin ? QString::fromStdString(to_string(*cell.pin)) : QString();
  default:
    return {};
  }
}

QVariant AllocationTableModel::sort_value(const AllocationCell& cell, int column) const {
  if (const auto quantity = quantity_of(column)) return cell_value(cell, *quantity).value_or(-1);
  if (column == layer) return qulonglong(cell.block * 16 + std::size_t(cell.role));
  return text(cell, column);
}

QVariant AllocationTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (role != Qt::DisplayRole) return {};
  if (orientation == Qt::Vertical) return section + 1;
  switch (section) {
  case layer:
    return tr("Layer");
  case quantizer:
    return tr("Quantizer");
  case kernel:
    return tr("Kernel");
  case pin:
    return tr("Pinned to");
  default:
    return quantity_name(*quantity_of(section));
  }
}

} // namespace intarsia::ui
