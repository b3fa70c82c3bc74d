// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QComboBox>

namespace intarsia::ui {

// A combo box that fits the other fields. Its arrow is painted here: a style sheet could only show a picture.
class ChoiceBox : public QComboBox {
  Q_OBJECT
 public:
  using QComboBox::QComboBox;

 protected:
  void paintEvent(QPaintEvent* event) override;
};

} // namespace intarsia::ui
