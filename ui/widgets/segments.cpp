// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/widgets/segments.h"

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QPushButton>

namespace intarsia::ui {

Segments::Segments(const QStringList& names, const QString& accessible_name, QWidget* parent)
    : QWidget(parent)
    , group_(new QButtonGroup(this)) {
  setAccessibleName(accessible_name);
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  for (int i = 0; i < names.size(); ++i) {
    auto* button = new QPushButton(names[i], this);
    button->setObjectName(QStringLiteral("segment"));
    button->setAccessibleName(accessible_name + QStringLiteral(": ") + names[i]);
    button->setCheckable(true);
    button->setChecked(i == 0);
    group_->addButton(button, i);
    layout->addWidget(button);
  }
  connect(group_, &QButtonGroup::idClicked, this, &Segments::chosen);
}

int Segments::current() const { return group_->checkedId(); }

void Segments::choose(int index) { group_->button(index)->setChecked(true); }

void Segments::set_enabled(int index, bool enabled) { group_->button(index)->setEnabled(enabled); }

} // namespace intarsia::ui
