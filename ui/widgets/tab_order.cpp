// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/widgets/tab_order.h"

#include <QAbstractSpinBox>
#include <QComboBox>
#include <QLayout>
#include <QLineEdit>
#include <QScrollArea>
#include <vector>

namespace intarsia::ui {
namespace {

using Widgets = std::vector<QWidget*>;

void visit(QWidget& widget, Widgets& order);

void visit(QLayout& layout, Widgets& order) {
  for (int i = 0; i < layout.count(); ++i) {
    QLayoutItem* item = layout.itemAt(i);
    if (item->widget())
      visit(*item->widget(), order);
    else if (item->layout())
      visit(*item->layout(), order);
  }
}

// What these are made of is theirs.
bool is_whole(const QWidget& widget) {
  if (qobject_cast<const QScrollArea*>(&widget)) return false;
  return qobject_cast<const QAbstractSpinBox*>(&widget) || qobject_cast<const QComboBox*>(&widget) ||
         qobject_cast<const QLineEdit*>(&widget) || qobject_cast<const QAbstractScrollArea*>(&widget);
}

void visit(QWidget& widget, Widgets& order) {
  if (widget.focusPolicy() & Qt::TabFocus) order.push_back(&widget);
  if (is_whole(widget)) return;
  if (auto* scroll = qobject_cast<QScrollArea*>(&widget)) {
    if (scroll->widget()) visit(*scroll->widget(), order);
    return;
  }
  if (widget.layout()) return visit(*widget.layout(), order);
  for (QObject* child : widget.children()) // laid over it by hand
    if (auto* over = qobject_cast<QWidget*>(child); over && !over->isWindow()) visit(*over, order);
}

} // namespace

void order_tabs(QWidget& root) {
  Widgets order;
  visit(root, order);
  for (std::size_t i = 1; i < order.size(); ++i) QWidget::setTabOrder(order[i - 1], order[i]);
}

} // namespace intarsia::ui
