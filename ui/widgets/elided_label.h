// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QLabel>

namespace intarsia::ui {

// One line of plain text that ends in an ellipsis where there is no room for it all; text() stays whole.
class ElidedLabel : public QLabel {
  Q_OBJECT
 public:
  explicit ElidedLabel(const char* style, QWidget* parent = nullptr);
  bool elided() const; // not all of it is seen

 protected:
  void paintEvent(QPaintEvent* event) override;
};

} // namespace intarsia::ui
