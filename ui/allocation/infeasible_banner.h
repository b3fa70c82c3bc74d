// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QFrame>

#include "ui/session/studio_session.h"

class QLabel;
class QPushButton;

namespace intarsia::ui {

// Lies over the dimmed map while no plan meets the budgets: why, and what could be met, each one click away.
class InfeasibleBanner : public QFrame {
  Q_OBJECT
 public:
  explicit InfeasibleBanner(StudioSession& session, QWidget* over);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void refresh();
  void place();

  StudioSession& session_;
  QLabel* problem_;
  QPushButton *use_memory_, *use_latency_;
};

} // namespace intarsia::ui
