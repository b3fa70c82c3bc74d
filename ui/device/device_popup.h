// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QFrame>

#include "ui/session/studio_session.h"

class QLabel;
class QListWidget;
class QListWidgetItem;
class QVBoxLayout;

namespace intarsia::ui {

class ChoiceBox;

// The devices of this machine to choose from, those to plan for, and the test of the chosen one.
class DevicePopup : public QFrame {
  Q_OBJECT
 public:
  explicit DevicePopup(StudioSession& session, QWidget* parent = nullptr);
  void open_below(const QWidget& anchor);

 signals:
  void import_wanted(); // of a latency table

 protected:
  void keyPressEvent(QKeyEvent* event) override; // Esc closes
  void changeEvent(QEvent* event) override;
  bool event(QEvent* event) override; // grows and shrinks with what it shows

 private:
  void build_devices(QVBoxLayout& layout);
  void build_planning(QVBoxLayout& layout);
  void refresh_devices();
  void refresh_planning();
  void choose(const QListWidgetItem* item);
  void fit_height();

  StudioSession& session_;
  QListWidget* devices_;
  QLabel *note_, *planning_note_;
  ChoiceBox* planned_;
};

} // namespace intarsia::ui
