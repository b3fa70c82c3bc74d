// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/session/sensitivities.h"

class QLabel;
class QProgressBar;
class QPushButton;

namespace intarsia::ui {

// How far the sensitivities are, and what can be done about it; part of the status line, so on every page.
class SensitivityBar : public QWidget {
  Q_OBJECT
 public:
  explicit SensitivityBar(Sensitivities& sensitivities, QWidget* parent = nullptr);

 private:
  void refresh();

  Sensitivities& sensitivities_;
  QLabel* text_;
  QProgressBar* progress_;
  QPushButton *good_enough_, *cancel_, *again_;
};

} // namespace intarsia::ui
