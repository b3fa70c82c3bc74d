// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QFrame>

#include "ui/session/studio_session.h"

class QLabel;
class QTextBrowser;

namespace intarsia::ui {

// One question with its answer, rendered as Markdown, and the figures under it.
class AnswerView : public QFrame {
  Q_OBJECT
 public:
  explicit AnswerView(QWidget* parent = nullptr);
  void show_turn(const ChatTurn& turn);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void fit_height();

  QLabel *question_, *figures_, *problem_;
  QTextBrowser* answer_;
};

} // namespace intarsia::ui
