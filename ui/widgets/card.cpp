// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/widgets/card.h"

#include <QStyle>

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

void restyle(QWidget& widget, const char* style) {
  if (widget.objectName() == QLatin1String(style)) return;
  widget.setObjectName(QString::fromLatin1(style));
  widget.style()->unpolish(&widget); // style sheets look at names once
  widget.style()->polish(&widget);
}

void make_primary(QWidget& button, bool primary) {
  if (button.property("primary").toBool() == primary && button.property("primary").isValid()) return;
  button.setProperty("primary", primary);
  button.style()->unpolish(&button); // style sheets look at properties once
  button.style()->polish(&button);
}

QLabel* make_label(const QString& text, const char* style, QWidget* parent) {
  auto* label = new QLabel(text, parent);
  label->setObjectName(QString::fromLatin1(style));
  label->setWordWrap(true);
  return label;
}

} // namespace intarsia::ui
