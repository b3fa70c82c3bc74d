// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/answer_view.h"

#include <QLabel>
#include <QLocale>
#include <QTextBrowser>
#include <QVBoxLayout>

#include "ui/theme/theme.h"
#include "ui/widgets/card.h"

namespace intarsia::ui {

AnswerView::AnswerView(QWidget* parent)
    : QFrame(parent)
    , question_(make_label({}, "title", this))
    , figures_(make_label({}, "muted", this))
    , problem_(make_label({}, "error", this))
    , answer_(new QTextBrowser(this)) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, spacing);
  layout->setSpacing(spacing / 2);
  question_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  answer_->setObjectName(QStringLiteral("answer"));
  answer_->setAccessibleName(tr("Answer"));
  answer_->setFrameShape(QFrame::NoFrame);
  answer_->setStyleSheet(QStringLiteral("border: none; padding: 0;"));
  answer_->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  answer_->setOpenLinks(false); // a model's links are text, not places to go
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
  question_->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  figures_->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  layout->addWidget(question_);
  layout->addWidget(answer_);
  layout->addWidget(figures_);
  layout->addWidget(problem_);
  problem_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  problem_->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Minimum);
}

void AnswerView::show_turn(const ChatTurn& turn) {
  question_->setText(turn.question);
  answer_->document()->setMarkdown(
      turn.answer,
      QTextDocument::MarkdownFeatures(QTextDocument::MarkdownDialectGitHub | QTextDocument::MarkdownNoHTML));
  fit_height();
  answer_->setVisible(turn.problem.isEmpty() || !turn.answer.isEmpty());
  problem_->setText(turn.problem);
  problem_->setVisible(!turn.problem.isEmpty());
  figures_->setVisible(turn.problem.isEmpty());
  if (!turn.finished) return figures_->setText(tr("…"));
  if (!turn.answered) return figures_->setText(tr("stopped"));
  const QLocale locale;
  QStringList parts{tr("%1 tokens").arg(turn.tokens)};
  if (turn.tokens_per_second > 0)
    parts << tr("%1 tokens/s").arg(locale.toString(turn.tokens_per_second, 'f', 1));
  parts << tr("first token after %1 s").arg(locale.toString(turn.first_token_seconds, 'f', 2));
  if (turn.reason == StopReason::stopped) parts << tr("stopped");
  if (turn.reason == StopReason::token_limit) parts << tr("cut off at the token limit");
  if (turn.reason == StopReason::context_full) parts << tr("the context is full");
  figures_->setText(parts.join(QStringLiteral(" · ")));
}

void AnswerView::fit_height() {
  answer_->document()->setTextWidth(answer_->viewport()->width());
  answer_->setFixedHeight(int(answer_->document()->size().height()) + 4);
}

void AnswerView::resizeEvent(QResizeEvent* event) {
  QFrame::resizeEvent(event);
  fit_height();
}

} // namespace intarsia::ui
