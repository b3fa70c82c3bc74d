// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QDialog>

class QListWidget;
class QTextBrowser;

namespace intarsia::ui {

// The Markdown pages of resources/help, and the list of keys.
class HelpWindow : public QDialog {
  Q_OBJECT
 public:
  explicit HelpWindow(QWidget* parent = nullptr);
  void show_page(const QString& name); // "devices"; "keys"

 private:
  void load(int row);
  QListWidget* list_;
  QTextBrowser* text_;
};

} // namespace intarsia::ui
