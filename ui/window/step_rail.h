// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QAbstractButton>

#include "ui/session/studio_session.h"
#include "ui/window/page_list.h"

class QButtonGroup;

namespace intarsia::ui {

// One step of the work: its number, or a tick when it is done; its name; how far it is.
class StepButton : public QAbstractButton {
  Q_OBJECT
 public:
  StepButton(int number, const QString& name, QWidget* parent = nullptr);
  void show_state(StepState state, const QString& words); // words may be empty
  StepState state() const { return state_; }
  QString words() const { return words_; }
  QSize sizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  int number_;
  StepState state_ = StepState::empty;
  QString words_;
};

// The pages: where the work of each stands, and the way from page to page.
class StepRail : public QWidget {
  Q_OBJECT
 public:
  explicit StepRail(StudioSession& session, QWidget* parent = nullptr);
  void choose(int page);
  StepButton* step(int page) const { return steps_[std::size_t(page)]; }

 signals:
  void chosen(int page);

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void refresh();
  void fit_width();

  StudioSession& session_;
  const std::vector<PageEntry> pages_;
  QButtonGroup* group_;
  std::vector<StepButton*> steps_; // children
};

} // namespace intarsia::ui
