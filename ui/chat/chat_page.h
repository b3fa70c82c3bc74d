// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QDoubleSpinBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QScrollArea;
class QSpinBox;
class QVBoxLayout;

namespace intarsia::ui {

class AnswerView;

// The conversation with the original or the quantized model: questions, answers as they come, and how to
// answer.
class ChatPage : public QWidget {
  Q_OBJECT
 public:
  explicit ChatPage(StudioSession& session, QWidget* parent = nullptr);
  void focus_prompt();

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QWidget* build_conversation();
  QWidget* build_starters();
  QWidget* build_prompt();
  QWidget* build_side();
  QWidget* build_settings();
  QWidget* build_speakers();
  AnswerView* add_view(std::size_t turn);
  ChatSettings settings() const;
  void send();
  void regenerate();
  void edit(std::size_t turn);
  void refresh();
  void append();
  void give_back_unanswered();
  void follow_end();
  QString hint() const;
  QString to_markdown() const;

  StudioSession& session_;
  QScrollArea* scroll_;
  QVBoxLayout* turns_layout_;
  QWidget *starters_, *settings_;
  std::vector<AnswerView*> turns_; // children
  QPlainTextEdit *prompt_, *system_;
  QPushButton *send_, *stop_, *original_, *quantized_;
  QDoubleSpinBox *temperature_, *top_p_;
  QSpinBox *max_tokens_, *seed_;
  QLabel* hint_;
  bool at_end_ = true; // of the conversation: what comes is followed
  bool asked_ = false; // the last question was sent from here and not answered yet
};

} // namespace intarsia::ui
