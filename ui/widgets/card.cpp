// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/card.h"

#include "ui/theme/theme.h"

namespace intarsia::ui {

Card::Card(const QString& title, QWidget* parent)
    : QFrame(parent)
    , layout_(new QVBoxLayout(this)) {
  setObjectName(QStringLiteral("card"));
  layout_->setContentsMargins(2 * spacing + 4, 2 * spacing, 2 * spacing + 4, 2 * spacing);
  layout_->setSpacing(spacing);
  if (!title.isEmpty()) layout_->addWidget(make_label(title, "title", this));
}

QLabel* make_label(const QString& text, const char* style, QWidget* parent) {
  auto* label = new QLabel(text, parent);
  label->setObjectName(QString::fromLatin1(style));
  label->setWordWrap(true);
  return label;
}

} // namespace intarsia::ui
