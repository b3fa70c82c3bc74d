// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QFrame>

#include "ui/session/studio_session.h"

class QComboBox;
class QLabel;
class QListWidget;
class QListWidgetItem;
class QVBoxLayout;

namespace intarsia::ui {

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

 private:
  void build_devices(QVBoxLayout& layout);
  void build_planning(QVBoxLayout& layout);
  void refresh_devices();
  void refresh_planning();
  void choose(const QListWidgetItem* item);

  StudioSession& session_;
  QListWidget* devices_;
  QLabel *note_, *planning_note_;
  QComboBox* planned_;
};

} // namespace intarsia::ui
