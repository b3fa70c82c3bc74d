// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QLabel;

namespace intarsia::ui {

class TensorTableModel;

// What is open, and every tensor in it; the way in when nothing is open.
class ModelPage : public QWidget {
  Q_OBJECT
 public:
  explicit ModelPage(StudioSession& session, QWidget* parent = nullptr);

 signals:
  void open_folder_wanted();
  void open_file_wanted();
  void import_wanted(); // of sensitivities

 private:
  QWidget* build_facts();
  QWidget* build_tensors();
  void refresh();

  StudioSession& session_;
  QLabel* facts_;
  TensorTableModel* tensors_;
};

} // namespace intarsia::ui
