// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;
class QScrollArea;
class QTableView;

namespace intarsia::ui {

class CalibrationControl;
class LayerTableModel;

// Makes the quantized model, with progress, cancel and resume; afterwards predicted against measured.
class QuantizePage : public QWidget {
  Q_OBJECT
 public:
  explicit QuantizePage(StudioSession& session, QWidget* parent = nullptr);

 signals:
  void chat_wanted();

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void changeEvent(QEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  QWidget* build_job_card();
  void fit_to_font();
  QWidget* build_result_card();
  QWidget* build_layers_card();
  void suggest_output();
  void follow_plan();
  void refresh();
  void refresh_buttons();
  void refresh_result();
  void start_over();
  QString plan_text() const;
  QString status_text() const;
  bool result_is_of_another_plan() const;

  StudioSession& session_;
  QLineEdit* output_;
  QPushButton *browse_, *start_, *resume_, *cancel_, *chat_;
  QProgressBar* progress_;
  QLabel *plan_, *warning_, *status_, *result_, *deviates_;
  CalibrationControl* calibration_;
  QTableView* layers_;
  LayerTableModel* table_;
  QScrollArea* left_;
  bool stale_ = false;         // changed while it was not seen
  bool output_is_own_ = false; // written by the person, so it is not replaced
};

} // namespace intarsia::ui
