// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QLabel;
class QProgressBar;
class QPushButton;
class QStackedLayout;

namespace intarsia::ui {

// A button that times the model's layers on this device, while there are no such times; then its progress.
// Takes the same room whatever it shows.
class MeasureLatency : public QWidget {
  Q_OBJECT
 public:
  explicit MeasureLatency(StudioSession& session, QWidget* parent = nullptr);

 private:
  void refresh();
  QString status_text() const;

  StudioSession& session_;
  QPushButton *measure_, *cancel_;
  QProgressBar* progress_;
  QLabel* status_;
};

} // namespace intarsia::ui
