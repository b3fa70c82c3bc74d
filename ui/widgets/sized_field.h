// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QLineEdit>

namespace intarsia::ui {

// A field that is as wide as the longest text it will hold, at any size of the text.
class SizedField : public QLineEdit {
 public:
  explicit SizedField(const QString& longest, QWidget* parent = nullptr)
      : QLineEdit(parent)
      , longest_(longest) {
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    setAlignment(Qt::AlignRight);
  }
  QSize sizeHint() const override {
    constexpr int beside =
        2 * (8 + 1 + 2) + 4; // padding and border of the style sheet, QLineEdit's own, cursor
    return {fontMetrics().horizontalAdvance(longest_) + beside, QLineEdit::sizeHint().height()};
  }
  QSize minimumSizeHint() const override { return sizeHint(); }

 private:
  QString longest_;
};

} // namespace intarsia::ui
