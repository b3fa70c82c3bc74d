// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QStringList>
#include <QWidget>

class QButtonGroup;

namespace intarsia::ui {

// One of a few: buttons side by side, one of them down. Left and right arrows go from one to the next.
class Segments : public QWidget {
  Q_OBJECT
 public:
  explicit Segments(const QStringList& names, const QString& accessible_name, QWidget* parent = nullptr);
  int current() const;
  void choose(int index); // without a signal
  void set_enabled(int index, bool enabled);

 signals:
  void chosen(int index); // by a person

 private:
  QButtonGroup* group_;
};

} // namespace intarsia::ui
