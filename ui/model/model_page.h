// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QLabel;
class QPushButton;
class QStackedLayout;

namespace intarsia::ui {

class TensorTableModel;
class Welcome;

// What is open, and every tensor in it; the welcome when nothing is.
class ModelPage : public QWidget {
  Q_OBJECT
 public:
  explicit ModelPage(StudioSession& session, QWidget* parent = nullptr);
  Welcome& welcome() { return *welcome_; }

 signals:
  void open_folder_wanted();
  void open_file_wanted();
  void import_wanted();  // of sensitivities
  void welcome_wanted(); // another model

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  QWidget* build_facts();
  QWidget* build_tensors();
  void refresh();
  QString facts_text() const;

  StudioSession& session_;
  QStackedLayout* stack_;
  Welcome* welcome_;
  QWidget* facts_card_;
  QLabel* facts_;
  QPushButton* import_;
  TensorTableModel* tensors_;
  QWidget* tensor_list_;
  QLabel* no_tensors_; // why there is no list
};

} // namespace intarsia::ui
