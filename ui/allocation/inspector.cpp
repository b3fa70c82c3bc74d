// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/inspector.h"

#include <QFormLayout>
#include <QGridLayout>
#include <QLocale>
#include <QMenu>
#include <QPushButton>
#include <QScrollArea>

#include "core/palette/rotation.h"
#include "ui/allocation/quantizer_menu.h"
#include "ui/theme/theme.h"

namespace intarsia::ui {

Inspector::Inspector(QWidget* parent)
    : Card({}, parent)
    , title_(make_label({}, "title", this))
    , shape_(make_label({}, "muted", this))
    , form_(new QFormLayout)
    , pin_(new QPushButton(tr("Pin…"), this))
    , forbid_(new QPushButton(tr("Forbid…"), this))
    , unpin_(new QPushButton(tr("Unpin"), this))
    , row_(new QPushButton(tr("Select row"), this)) {
  auto* inside = new QWidget(this);
  inside->setObjectName(QStringLiteral("inspected"));
  inside->setStyleSheet(QStringLiteral("QWidget#inspected { background: transparent; }"));
  auto* layout = new QVBoxLayout(inside);
  layout->setContentsMargins(0, 0, spacing / 2, 0); // beside the scroll bar
  layout->setSpacing(spacing / 2);
  layout->addWidget(title_);
  layout->addWidget(shape_);
  form_->setHorizontalSpacing(2 * spacing);
  form_->setVerticalSpacing(spacing / 2);
  layout->addLayout(form_);
  layout->addStretch();
  auto* scroll = new QScrollArea(this);
  scroll->setWidget(inside);
  scroll->setWidgetResizable(true);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff); // values wrap
  scroll->setFocusPolicy(Qt::NoFocus);
  content()->addWidget(scroll, 1);
  auto* buttons = new QGridLayout;
  buttons->setSpacing(spacing / 2);
  const auto add = [&](QPushButton* button, const char* name, const QString& help) {
    button->setObjectName(QStringLiteral("chip"));
    button->setProperty("inspector", QString::fromLatin1(name));
    button->setToolTip(help);
    buttons->addWidget(button, buttons->count() / 2, buttons->count() % 2);
  };
  add(pin_, "pin", tr("Fixes the quantizer of this layer, or of all selected"));
  add(forbid_, "forbid", tr("Leaves a quantizer out for this layer, or for all selected"));
  add(unpin_, "unpin", tr("Lets the solver choose again (Delete)"));
  add(row_, "row", tr("Selects this linear in every block (R); Shift and the arrows select a range"));
  content()->addLayout(buttons);
  connect(pin_, &QPushButton::clicked, this, [this] { open_menu(pin_, &Inspector::pin_wanted); });
  connect(forbid_, &QPushButton::clicked, this, [this] { open_menu(forbid_, &Inspector::forbid_wanted); });
  connect(unpin_, &QPushButton::clicked, this, &Inspector::unpin_wanted);
  connect(row_, &QPushButton::clicked, this, &Inspector::row_wanted);
  show_cell(nullptr, 0, false);
}

void Inspector::open_menu(QPushButton* below, void (Inspector::*chosen)(QuantizerId)) {
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  menu->setObjectName(QStringLiteral("quantizerMenu"));
  add_quantizers(*menu, quantizers_, [this, chosen](QuantizerId id) { emit(this->*chosen)(id); });
  menu->popup(below->mapToGlobal(QPoint(0, below->height())));
}

void Inspector::show_cell(const AllocationCell* cell, std::size_t selected, bool fixed) {
  facts_shown_ = 0;
  show_facts(cell, selected, fixed);
  for (std::size_t i = 0; i < facts_.size(); ++i) form_->setRowVisible(int(i), i < facts_shown_);
}

// In a row that is there already, where there is one: making labels takes longer than all else while
// dragging.
void Inspector::add_fact(const QString& label, const QString& value) {
  if (facts_shown_ == facts_.size()) {
    auto* text = new QLabel(this);
    text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    text->setAlignment(Qt::AlignRight);
    text->setWordWrap(true);
    facts_.push_back({make_label({}, "muted", this), text});
    facts_.back().label->setWordWrap(false); // "Loss share" is one line, however narrow the card
    form_->addRow(facts_.back().label, text);
  }
  const Fact& fact = facts_[facts_shown_++];
  fact.label->setText(label);
  fact.value->setText(value);
}

void Inspector::show_facts(const AllocationCell* cell, std::size_t selected, bool fixed) {
  const bool layer = cell && !cell->layer.empty();
  for (QPushButton* button : {pin_, forbid_, unpin_, row_})
    button->setEnabled(layer && (!fixed || button == row_));
  if (!layer) {
    title_->setText(tr("No layer"));
    shape_->setText(tr("Click a cell, or move with the arrow keys."));
    return;
  }
  unpin_->setEnabled(!fixed && (selected > 1 || cell->pin || !cell->forbidden.empty()));
  const auto name = layer_text(*cell);
  const std::size_t of_cell = cell->experts ? cell->experts->layers.size() : 1;
  title_->setText(selected > of_cell ? tr("%1 layers selected").arg(selected)
                                     : tr("Block %1 · %2").arg(cell->block).arg(name.section('.', -1)));
  shape_->setToolTip(tr("Inputs → outputs, and the sizes of the Hadamard transforms that rotate the inputs"));
  if (rotated_ != cell->d_in) { // a rotation draws all its signs
    rotated_ = cell->d_in;
    rotation_ = QString::fromStdString(Rotation(cell->d_in, 0).description());
  }
  shape_->setText(tr("%1 → %2, rotated %3").arg(cell->d_in).arg(cell->d_out).arg(rotation_));
  const auto add = [&](const QString& label, const QString& value) { add_fact(label, value); };
  if (cell->quantizer) add(tr("Quantizer"), quantizer_text(*cell));
  if (cell->experts && cell->quantizer)
    add(tr("%1 experts").arg(of_cell),
        tr("%1 bits on average").arg(QLocale().toString(cell->experts->mean_bits, 'g', 3)));
  if (cell->sensitivity || !fixed) // of a model that is quantized already nothing will be measured
    add(tr("Sensitivity"), cell_value_text(*cell, CellQuantity::sensitivity));
  if (cell->quantizer) {
    add(tr("Distortion"), cell_value_text(*cell, CellQuantity::distortion));
    if (cell->sensitivity || !fixed) add(tr("Loss share"), cell_value_text(*cell, CellQuantity::loss_share));
    add(tr("Size"), cell_value_text(*cell, CellQuantity::bytes));
    if (cell->kernel != "cpu") add(tr("Kernel"), QString::fromStdString(cell->kernel)); // there is one only
  }
  if (cell->pin) add(tr("Pinned to"), QString::fromStdString(to_string(*cell->pin)));
  if (!cell->forbidden.empty()) {
    QStringList names;
    for (const QuantizerId id : cell->forbidden) names << QString::fromStdString(to_string(id));
    add(tr("Forbidden"), names.join(QStringLiteral(", ")));
  }
}

} // namespace intarsia::ui
