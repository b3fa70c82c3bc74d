// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

class QFrame;
class QLabel;
class QVBoxLayout;

namespace intarsia::ui {

// What stands there before a model is open: the built-in model, opening one, those that were open before, and
// a place to drop one.
class Welcome : public QWidget {
  Q_OBJECT
 public:
  explicit Welcome(QWidget* parent = nullptr);
  void refresh();                         // the models that were open before
  void show_drop(bool over_window);       // a file is dragged over the window
  void show_opening(const QString& path); // empty: nothing is being opened

 signals:
  void built_in_wanted();
  void folder_wanted();
  void file_wanted();
  void path_wanted(const QString& path);

 private:
  QWidget* build_begin();
  QWidget* build_recent();

  QFrame* drop_;
  QLabel* drop_text_;
  QVBoxLayout* recent_;
};

} // namespace intarsia::ui
