// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QStringList>
#include <QTextBrowser>

namespace intarsia::ui {

// An answer as Markdown, as high as it is long, with a Copy at each block of code.
class AnswerText : public QTextBrowser {
  Q_OBJECT
 public:
  explicit AnswerText(QWidget* parent = nullptr);
  void show_markdown(const QString& markdown);
  const QStringList& code_blocks() const { return code_; }
  void fit_height();

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void render();
  void offer_copies();

  QString shown_;
  QStringList code_;
};

} // namespace intarsia::ui
