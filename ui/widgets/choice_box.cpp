// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/widgets/choice_box.h"

#include <QPainter>

#include "ui/theme/theme.h"

namespace intarsia::ui {

void ChoiceBox::paintEvent(QPaintEvent* event) {
  QComboBox::paintEvent(event);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(Theme::of(palette()).muted);
  const QPointF middle(width() - 2 * spacing, height() / 2.0);
  painter.drawPolygon(QPolygonF{middle + QPointF(-4, -2), middle + QPointF(4, -2), middle + QPointF(0, 3)});
}

} // namespace intarsia::ui
