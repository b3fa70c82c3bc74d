// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "ui/session/studio_session.h"

class QDoubleSpinBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;
class QVBoxLayout;
class QScrollArea;

namespace intarsia::ui {

class AnswerView;

// Streams answers of the original or the quantized model.
class ChatPage : public QWidget {
  Q_OBJECT
 public:
  explicit ChatPage(StudioSession& session, QWidget* parent = nullptr);

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QWidget* build_conversation();
  QWidget* build_settings();
  void send();
  void regenerate();
  void refresh();
  void append(const QString& piece);
  void scroll_to_end();
  QString to_markdown() const;

  StudioSession& session_;
  QScrollArea* scroll_;
  QVBoxLayout* turns_layout_;
  std::vector<AnswerView*> turns_; // children
  QPlainTextEdit *prompt_, *system_;
  QPushButton *send_, *stop_, *regenerate_, *original_, *quantized_;
  QDoubleSpinBox *temperature_, *top_p_;
  QSpinBox *max_tokens_, *seed_;
  QLabel* context_;
};

} // namespace intarsia::ui
