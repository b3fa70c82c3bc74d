// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/chat/answer_view.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/chat/answer_text.h"
#include "ui/chat/thinking.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/sentence.h"

namespace intarsia::ui {
namespace {

QString figures_of(const ChatAnswer& answer) {
  if (!answer.finished) return QObject::tr("answering…");
  if (!answer.answered) return QObject::tr("Stopped before it began.");
  const QLocale locale;
  QStringList parts{QObject::tr("%1 tokens").arg(answer.tokens)};
  if (answer.tokens_per_second > 0)
    parts << QObject::tr("%1 tokens/s").arg(locale.toString(answer.tokens_per_second, 'f', 1));
  parts << (answer.first_token_seconds < 0.1
                ? QObject::tr("first token after %1 ms")
                      .arg(locale.toString(std::max(1.0, 1e3 * answer.first_token_seconds), 'f', 0))
                : QObject::tr("first token after %1 s")
                      .arg(locale.toString(answer.first_token_seconds, 'f',
                                           answer.first_token_seconds < 10 ? 2 : 0)));
  if (answer.context_size > 0)
    parts << QObject::tr("context %1 of %2")
                 .arg(locale.toString(qulonglong(answer.context_used)),
                      locale.toString(qulonglong(answer.context_size)));
  if (answer.reason == StopReason::stopped) parts << QObject::tr("stopped");
  if (answer.reason == StopReason::token_limit) parts << QObject::tr("cut off at the token limit");
  if (answer.reason == StopReason::context_full) parts << QObject::tr("the context is full");
  return parts.join(QStringLiteral(" · "));
}

} // namespace

AnswerView::AnswerView(QWidget* parent)
    : QFrame(parent)
    , question_(make_label({}, "question", this))
    , speaker_(make_label({}, "muted", this))
    , figures_(make_label({}, "muted", this))
    , problem_(make_label({}, "error", this))
    , position_(make_label({}, "muted", this))
    , thought_(make_label({}, "muted", this))
    , thinking_(new QToolButton(this))
    , answer_(new AnswerText(this)) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, spacing);
  layout->setSpacing(spacing / 2);
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
  question_->setTextFormat(Qt::PlainText); // what a person wrote is shown as written
  question_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  question_->setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Minimum);
  speaker_->setObjectName(QStringLiteral("speaker"));
  thinking_->setObjectName(QStringLiteral("thinking"));
  thinking_->setCheckable(true);
  thinking_->setFocusPolicy(Qt::StrongFocus);
  thinking_->setToolTip(tr("Shows what the model wrote to itself before it answered"));
  thought_->setTextFormat(Qt::PlainText);
  thought_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  connect(thinking_, &QToolButton::toggled, this,
          [this](bool open) { thought_->setVisible(open && !thought_->text().isEmpty()); });
  problem_->setTextFormat(Qt::PlainText);
  problem_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  layout->addWidget(question_, 0, Qt::AlignRight);
  layout->addWidget(speaker_);
  layout->addWidget(thinking_, 0, Qt::AlignLeft);
  layout->addWidget(thought_);
  layout->addWidget(answer_);
  layout->addWidget(problem_);
  layout->addWidget(figures_);
  layout->addWidget(build_actions());
}

QWidget* AnswerView::build_actions() {
  actions_ = new QWidget(this);
  auto* row = new QHBoxLayout(actions_);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(spacing / 2);
  const auto add = [&](QToolButton*& button, const QString& text, const char* name, const QString& help) {
    button = new QToolButton(this);
    button->setText(text);
    button->setObjectName(QString::fromLatin1(name));
    button->setToolTip(help);
    button->setAccessibleName(help);
    button->setFocusPolicy(Qt::StrongFocus);
    row->addWidget(button);
  };
  add(copy_, tr("Copy"), "copyAnswer", tr("Copy the answer"));
  add(edit_, tr("Edit"), "editQuestion", tr("Ask this question in other words; what follows it goes"));
  add(regenerate_, tr("Regenerate"), "regenerate", tr("Ask again; this answer stays"));
  add(earlier_, QStringLiteral("‹"), "earlierAnswer", tr("The answer before"));
  position_->setWordWrap(false);
  row->addWidget(position_);
  add(later_, QStringLiteral("›"), "laterAnswer", tr("The answer after"));
  row->addStretch();
  connect(copy_, &QToolButton::clicked, this, &AnswerView::copy_wanted);
  connect(edit_, &QToolButton::clicked, this, &AnswerView::edit_wanted);
  connect(regenerate_, &QToolButton::clicked, this, &AnswerView::regenerate_wanted);
  connect(earlier_, &QToolButton::clicked, this, [this] { emit answer_wanted(index_ - 1); });
  connect(later_, &QToolButton::clicked, this, [this] { emit answer_wanted(index_ + 1); });
  return actions_;
}

void AnswerView::show_turn(const ChatTurn& turn, bool last, bool busy) {
  question_->setText(turn.question);
  fit_question();
  index_ = turn.shown;
  show_answer(turn.answer());
  const bool several = turn.answers.size() > 1;
  actions_->setVisible(turn.answer().finished);
  regenerate_->setVisible(last);
  for (QWidget* widget : std::initializer_list<QWidget*>{earlier_, position_, later_})
    widget->setVisible(several);
  position_->setText(tr("%1 of %2").arg(turn.shown + 1).arg(turn.answers.size()));
  earlier_->setEnabled(!busy && turn.shown > 0);
  later_->setEnabled(!busy && turn.shown + 1 < turn.answers.size());
  edit_->setEnabled(!busy);
  regenerate_->setEnabled(!busy);
}

void AnswerView::show_answer(const ChatAnswer& answer) {
  const ThoughtAndAnswer parts = split_thinking(answer.text);
  speaker_->setText(answer.model);
  thinking_->setVisible(!parts.thought.isEmpty() || parts.thinking);
  thinking_->setText(parts.thinking && !answer.finished ? tr("Thinking…") : tr("Thought about it"));
  thought_->setText(parts.thought);
  thought_->setVisible(thinking_->isChecked() && !parts.thought.isEmpty());
  answer_->show_markdown(parts.answer);
  answer_->setVisible(!parts.answer.isEmpty());
  problem_->setText(as_sentence(answer.problem));
  problem_->setVisible(!answer.problem.isEmpty());
  figures_->setVisible(answer.problem.isEmpty());
  figures_->setText(figures_of(answer));
}

// As wide as the question is, up to a part of the conversation, and as high as it then is.
void AnswerView::fit_question() {
  constexpr int beside = 2 * 14 + 12,
                above = 2 * 8 + 4; // padding and border of the style sheet, and the label's own
  question_->ensurePolished();     // its font is the style sheet's
  const QFontMetrics metrics = question_->fontMetrics();
  const int most = std::max(120, width() * 4 / 5);
  const int wide = std::min(metrics.size(0, question_->text()).width() + beside, most);
  const QRect text =
      metrics.boundingRect(QRect(0, 0, wide - beside, 1 << 20), Qt::TextWordWrap, question_->text());
  question_->setFixedSize(wide, text.height() + above);
}

void AnswerView::resizeEvent(QResizeEvent* event) {
  QFrame::resizeEvent(event);
  fit_question();
  answer_->fit_height();
}

} // namespace intarsia::ui
