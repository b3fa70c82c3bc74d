// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QLabel>

namespace intarsia::ui {

// A sentence under a control, with room for two lines whether it says something or not: what stands below
// never moves.
class Note : public QLabel {
  Q_OBJECT
 public:
  enum Kind { gain, problem, muted, plain };
  explicit Note(QWidget* parent = nullptr);
  void say(const QString& sentence, Kind kind);
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {0, sizeHint().height()}; }
  int heightForWidth(int) const override { return sizeHint().height(); }
};

} // namespace intarsia::ui
