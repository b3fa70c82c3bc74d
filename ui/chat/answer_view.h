// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QFrame>

#include "ui/session/chat.h"

class QLabel;
class QToolButton;

namespace intarsia::ui {

class AnswerText;

// One question in a bubble with its answer, rendered as Markdown, who gave it, its figures, and what can be
// done with it. Where there are several answers, arrows go from one to the next.
class AnswerView : public QFrame {
  Q_OBJECT
 public:
  explicit AnswerView(QWidget* parent = nullptr);
  // `last`: the conversation ends here, so it can be answered anew. `busy`: an answer is being given.
  void show_turn(const ChatTurn& turn, bool last, bool busy);

 signals:
  void copy_wanted();
  void edit_wanted();
  void regenerate_wanted();
  void answer_wanted(std::size_t index);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  QWidget* build_actions();
  void fit_question();
  void show_answer(const ChatAnswer& answer);

  QLabel *question_, *speaker_, *figures_, *problem_, *position_;
  QLabel* thought_; // of a model that reasons first; folded away
  QToolButton* thinking_;
  AnswerText* answer_;
  QWidget* actions_;
  QToolButton *copy_, *edit_, *regenerate_, *earlier_, *later_;
  std::size_t index_ = 0;
};

} // namespace intarsia::ui
