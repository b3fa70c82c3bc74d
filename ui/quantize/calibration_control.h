// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QComboBox;
class QLabel;

namespace intarsia::ui {

// Which text the model is calibrated on, and how much longer quantizing takes with it.
class CalibrationControl : public QWidget {
  Q_OBJECT
 public:
  explicit CalibrationControl(StudioSession& session, QWidget* parent = nullptr);
  void refresh();
  void choose_file(const QString& file); // nothing: the choice stays as it was

 private:
  void choose(int index);
  QString help() const;

  StudioSession& session_;
  QComboBox* choice_;
  QLabel* help_;
};

} // namespace intarsia::ui
