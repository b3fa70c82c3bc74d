// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;
class QTableWidget;

namespace intarsia::ui {

// Makes the quantized model, with progress, cancel and resume; afterwards predicted against measured.
class QuantizePage : public QWidget {
  Q_OBJECT
 public:
  explicit QuantizePage(StudioSession& session, QWidget* parent = nullptr);

 signals:
  void chat_wanted();

 private:
  QWidget* build_job_card();
  QWidget* build_result_card();
  void suggest_output();
  void refresh_job();
  void refresh_layers();
  void refresh_result();

  StudioSession& session_;
  QLineEdit* output_;
  QPushButton *start_, *resume_, *cancel_, *chat_;
  QProgressBar* progress_;
  QLabel *status_, *result_;
  QTableWidget* layers_;
};

} // namespace intarsia::ui
