// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/allocation/inspector.h"

#include <QFormLayout>

#include "core/palette/rotation.h"

namespace intarsia::ui {

Inspector::Inspector(QWidget* parent)
    : Card({}, parent)
    , title_(make_label({}, "title", this))
    , shape_(make_label({}, "muted", this))
    , form_(new QFormLayout) {
  setFixedWidth(312);
  content()->addWidget(title_);
  content()->addWidget(shape_);
  form_->setHorizontalSpacing(16);
  content()->addLayout(form_);
  content()->addStretch();
  show_cell(nullptr);
}

void Inspector::show_cell(const AllocationCell* cell) {
  while (form_->rowCount() > 0) form_->removeRow(0);
  if (!cell || cell->layer.empty()) {
    title_->setText(tr("No layer"));
    shape_->setText(tr("Click a cell, or move with the arrow keys."));
    return;
  }
  const auto name = QString::fromStdString(cell->layer);
  title_->setText(tr("Block %1 · %2").arg(cell->block).arg(name.section('.', -1)));
  shape_->setText(tr("%1 → %2, input rotated %3")
                      .arg(cell->d_in)
                      .arg(cell->d_out)
                      .arg(QString::fromStdString(Rotation(cell->d_in, 0).description())));
  const auto add = [&](const QString& label, const QString& value) {
    auto* text = new QLabel(value, this);
    text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    text->setAlignment(Qt::AlignRight);
    form_->addRow(make_label(label, "muted", this), text);
  };
  if (cell->quantizer)
    add(tr("Quantizer"),
        QString::fromStdString(to_string(*cell->quantizer)) + " · " + QString::fromStdString(cell->kernel));
  add(tr("Sensitivity"), cell_value_text(*cell, CellQuantity::sensitivity));
  if (cell->quantizer) {
    add(tr("Distortion"), cell_value_text(*cell, CellQuantity::distortion));
    add(tr("Loss share"), cell_value_text(*cell, CellQuantity::loss_share));
    add(tr("Size"), cell_value_text(*cell, CellQuantity::bytes));
  }
  if (cell->pin) add(tr("Pinned to"), QString::fromStdString(to_string(*cell->pin)));
  if (!cell->forbidden.empty()) {
    QStringList names;
    for (const QuantizerId id : cell->forbidden) names << QString::fromStdString(to_string(id));
    add(tr("Forbidden"), names.join(QStringLiteral(", ")));
  }
}

} // namespace intarsia::ui
