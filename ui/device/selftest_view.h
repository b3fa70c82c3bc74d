// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QLabel;
class QListWidget;
class QProgressBar;
class QPushButton;

namespace intarsia::ui {

// Checks the chosen device's kernels against plain arithmetic: a button, its progress, a line a kernel.
class SelftestView : public QWidget {
  Q_OBJECT
 public:
  explicit SelftestView(StudioSession& session, QWidget* parent = nullptr);

 private:
  void refresh();
  void show_checks();
  void show_status();

  StudioSession& session_;
  QPushButton *start_, *cancel_;
  QProgressBar* progress_;
  QLabel *verdict_, *problem_;
  QListWidget* lines_;
};

} // namespace intarsia::ui
