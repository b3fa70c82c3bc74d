// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QLabel;
class QLineEdit;
class QPushButton;
class QSlider;

namespace intarsia::ui {

// How long a token may take: a slider from the fastest plan to no limit, a field that reads 6.5ms or
// 150tok/s, and what a little more time would buy. Without a latency table: where to get one.
class LatencyControl : public QWidget {
  Q_OBJECT
 public:
  explicit LatencyControl(StudioSession& session, QWidget* parent = nullptr);

 signals:
  void import_wanted();
  void save_wanted();

 private:
  void show_budgets();
  void show_plan();
  void slider_moved(int position);
  void field_edited();

  StudioSession& session_;
  QSlider* slider_;
  QLineEdit* field_;
  QLabel *ends_, *price_, *problem_;
  QPushButton *import_, *save_;
};

} // namespace intarsia::ui
