// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/quantize/layer_table_model.h"

#include <QLocale>

#include "core/palette/quantizer.h"

namespace intarsia::ui {
namespace {

// "model.layers.12.self_attn.q_proj" as "12.q_proj": the tool tip has all of it.
QString short_name(QString name) {
  for (const char* part : {"model.layers.", "self_attn.", "mlp."}) name.remove(QLatin1String(part));
  return name.startsWith(QLatin1String("model.")) ? name.mid(6) : name;
}

} // namespace

void LayerTableModel::set_layers(const std::vector<LayerDone>& layers) {
  const bool goes_on = layers.size() >= layers_.size() &&
                       (layers_.empty() || layers[layers_.size() - 1].name == layers_.back().name);
  if (!goes_on) {
    beginResetModel();
    layers_ = layers;
    return endResetModel();
  }
  if (layers.size() == layers_.size()) return;
  beginInsertRows({}, int(layers_.size()), int(layers.size()) - 1);
  layers_.insert(layers_.end(), layers.begin() + std::ptrdiff_t(layers_.size()), layers.end());
  endInsertRows();
}

QVariant LayerTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const LayerDone& done = layers_[std::size_t(index.row())];
  if (role == Qt::ToolTipRole) return QString::fromStdString(done.name);
  if (role == Qt::TextAlignmentRole && index.column() >= predicted)
    return int(Qt::AlignRight | Qt::AlignVCenter);
  if (role != Qt::DisplayRole) return {};
  const QLocale locale;
  switch (index.column()) {
  case layer:
    return short_name(QString::fromStdString(done.name));
  case quantizer_id:
    return QString::fromStdString(to_string(done.quantizer));
  case predicted:
    return locale.toString(quantizer(done.quantizer).distortion(), 'g', 3);
  case measured:
    return locale.toString(done.distortion, 'g', 3);
  case time:
    return done.resumed ? tr("resumed") : tr("%1 s").arg(locale.toString(done.seconds, 'f', 2));
  default:
    return {};
  }
}

QVariant LayerTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (role != Qt::DisplayRole || orientation == Qt::Vertical) return {};
  switch (section) {
  case layer:
    return tr("Layer");
  case quantizer_id:
    return tr("Quantizer");
  case predicted:
    return tr("Predicted");
  case measured:
    return tr("Measured");
  case time:
    return tr("Time");
  default:
    return {};
  }
}

} // namespace intarsia::ui
