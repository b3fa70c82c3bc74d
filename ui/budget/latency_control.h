// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QLabel;
class QLineEdit;
class QPushButton;

namespace intarsia::ui {

class Note;
class ScaleSlider;

// The latency budget: slider and field, which device's times they are, and what more time would buy. All of
// it stands there from the beginning; without a latency table it cannot be used.
class LatencyControl : public QWidget {
  Q_OBJECT
 public:
  explicit LatencyControl(StudioSession& session, QWidget* parent = nullptr);

 signals:
  void import_wanted();
  void save_wanted();

 private:
  void field_edited();
  void refresh();
  QString device_text() const;

  StudioSession& session_;
  ScaleSlider* slider_;
  QLineEdit* field_;
  QLabel* device_;
  Note* note_;
  QPushButton *import_, *save_;
  QString refused_; // why what was typed is not a budget
};

} // namespace intarsia::ui
