// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/chat_page.h"

#include <QApplication>
#include <QButtonGroup>
#include <QClipboard>
#include <QDoubleSpinBox>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLocale>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QTimer>

#include "ui/chat/answer_view.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"

namespace intarsia::ui {

ChatPage::ChatPage(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , scroll_(new QScrollArea(this))
    , prompt_(new QPlainTextEdit(this))
    , system_(new QPlainTextEdit(this))
    , send_(new QPushButton(tr("Send"), this))
    , stop_(new QPushButton(tr("Stop"), this))
    , regenerate_(new QPushButton(tr("Regenerate"), this))
    , original_(new QPushButton(tr("Original"), this))
    , quantized_(new QPushButton(tr("Quantized"), this))
    , temperature_(new QDoubleSpinBox(this))
    , top_p_(new QDoubleSpinBox(this))
    , max_tokens_(new QSpinBox(this))
    , seed_(new QSpinBox(this))
    , context_(make_label({}, "muted", this)) {
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(2 * spacing);
  layout->addWidget(build_conversation(), 1);
  layout->addWidget(build_settings());
  connect(&session_, &StudioSession::chat_changed, this, &ChatPage::refresh);
  connect(&session_, &StudioSession::quantize_changed, this, &ChatPage::refresh);
  connect(&session_, &StudioSession::chat_text, this, &ChatPage::append);
  connect(&session_, &StudioSession::error_occurred, this, &ChatPage::refresh);
  refresh();
}

QWidget* ChatPage::build_conversation() {
  auto* card = new Card(tr("Chat"), this);
  auto* inside = new QWidget(this);
  turns_layout_ = new QVBoxLayout(inside);
  turns_layout_->setContentsMargins(0, 0, spacing, 0);
  turns_layout_->setSpacing(2 * spacing);
  turns_layout_->addStretch();
  inside->setStyleSheet(QStringLiteral("background: transparent;"));
  scroll_->setWidget(inside);
  scroll_->setWidgetResizable(true);
  card->content()->addWidget(scroll_, 1);
  prompt_->setObjectName(QStringLiteral("prompt"));
  prompt_->setAccessibleName(tr("Your message"));
  prompt_->setPlaceholderText(
      tr("Ask something. Enter sends, Shift+Enter starts a new line, Esc stops the answer."));
  prompt_->setFixedHeight(64);
  prompt_->setTabChangesFocus(true);
  prompt_->installEventFilter(this);
  card->content()->addWidget(prompt_);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(context_, 1);
  stop_->setObjectName(QStringLiteral("stopChat"));
  regenerate_->setObjectName(QStringLiteral("regenerate"));
  send_->setObjectName(QStringLiteral("primary"));
  buttons->addWidget(regenerate_);
  buttons->addWidget(stop_);
  buttons->addWidget(send_);
  card->content()->addLayout(buttons);
  connect(send_, &QPushButton::clicked, this, &ChatPage::send);
  connect(stop_, &QPushButton::clicked, &session_, &StudioSession::stop_chat);
  connect(regenerate_, &QPushButton::clicked, this, &ChatPage::regenerate);
  return card;
}

QWidget* ChatPage::build_settings() {
  auto* card = new Card(tr("Settings"), this);
  card->setFixedWidth(280);
  auto* choice = new QHBoxLayout;
  auto* group = new QButtonGroup(this);
  for (QPushButton* button : {original_, quantized_}) {
    button->setObjectName(QStringLiteral("chip"));
    button->setCheckable(true);
    group->addButton(button);
    choice->addWidget(button, 1);
  }
  card->content()->addLayout(choice);
  connect(original_, &QPushButton::clicked, this, [this] { session_.choose_chat_model(false); });
  connect(quantized_, &QPushButton::clicked, this, [this] { session_.choose_chat_model(true); });
  const auto add = [&](const QString& label, auto* box) {
    auto* row = new QHBoxLayout;
    row->addWidget(new QLabel(label, this), 1);
    box->setAccessibleName(label);
    box->setButtonSymbols(QAbstractSpinBox::NoButtons);
    box->setAlignment(Qt::AlignRight);
    box->setFixedWidth(88);
    row->addWidget(box);
    card->content()->addLayout(row);
  };
  temperature_->setRange(0, 5);
  temperature_->setSingleStep(0.1);
  temperature_->setValue(0.7);
  top_p_->setRange(0.01, 1);
  top_p_->setSingleStep(0.05);
  top_p_->setValue(0.95);
  max_tokens_->setRange(1, 1 << 20);
  max_tokens_->setValue(256);
  seed_->setRange(0, INT_MAX);
  card->content()->addSpacing(spacing);
  add(tr("Temperature"), temperature_);
  add(tr("Top-p"), top_p_);
  add(tr("Tokens at most"), max_tokens_);
  add(tr("Seed"), seed_);
  card->content()->addSpacing(spacing);
  card->content()->addWidget(new QLabel(tr("System prompt"), this));
  system_->setAccessibleName(tr("System prompt"));
  system_->setTabChangesFocus(true);
  system_->setFixedHeight(96);
  card->content()->addWidget(system_);
  card->content()->addStretch();
  auto* copy = new QPushButton(tr("Copy as Markdown"), this);
  auto* clear = new QPushButton(tr("New chat"), this);
  card->content()->addWidget(copy);
  card->content()->addWidget(clear);
  connect(copy, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(to_markdown()); });
  connect(clear, &QPushButton::clicked, &session_, &StudioSession::clear_chat);
  return card;
}

void ChatPage::send() {
  if (session_.chatting()) return;
  SamplingSettings sampling;
  sampling.temperature = temperature_->value();
  sampling.top_p = top_p_->value();
  sampling.seed = std::uint64_t(seed_->value());
  session_.send(prompt_->toPlainText(), system_->toPlainText(), sampling, max_tokens_->value());
  if (session_.chatting()) prompt_->clear();
  refresh();
}

void ChatPage::regenerate() {
  if (session_.chat().empty() || session_.chatting()) return;
  prompt_->setPlainText(session_.chat().back().question);
  seed_->setValue(seed_->value() + 1); // another seed, or the answer would be the same
  session_.drop_last_turn();
  send();
}

void ChatPage::refresh() {
  const auto& chat = session_.chat();
  while (turns_.size() > chat.size()) {
    delete turns_.back();
    turns_.pop_back();
  }
  while (turns_.size() < chat.size()) {
    turns_.push_back(new AnswerView(this));
    turns_layout_->insertWidget(turns_layout_->count() - 1, turns_.back());
  }
  if (!chat.empty()) turns_.back()->show_turn(chat.back());
  const bool model =
      session_.model() && (session_.model()->artifact || session_.model()->checkpoint->has_weights());
  const bool busy = session_.chatting();
  send_->setEnabled(model && !busy);
  stop_->setEnabled(busy);
  regenerate_->setEnabled(!busy && !chat.empty());
  original_->setEnabled(model && session_.model()->checkpoint);
  quantized_->setEnabled(!session_.artifact_path().isEmpty());
  (session_.chat_uses_quantized() ? quantized_ : original_)->setChecked(true);
  if (!model)
    context_->setText(tr("Open a model to chat with it."));
  else if (!chat.empty() && chat.back().finished && chat.back().context_size > 0)
    context_->setText(tr("context %1 of %2 tokens")
                          .arg(QLocale().toString(qulonglong(chat.back().context_used)),
                               QLocale().toString(qulonglong(chat.back().context_size))));
  else
    context_->setText({});
  scroll_to_end();
}

void ChatPage::append(const QString&) {
  if (!turns_.empty() && turns_.size() == session_.chat().size())
    turns_.back()->show_turn(session_.chat().back());
  scroll_to_end();
}

void ChatPage::scroll_to_end() {
  QTimer::singleShot(
      0, this, [this] { scroll_->verticalScrollBar()->setValue(scroll_->verticalScrollBar()->maximum()); });
}

QString ChatPage::to_markdown() const {
  QString text = tr("*temperature %1, top-p %2, seed %3, %4 model*\n\n")
                     .arg(temperature_->value())
                     .arg(top_p_->value())
                     .arg(seed_->value())
                     .arg(session_.chat_uses_quantized() ? tr("quantized") : tr("original"));
  for (const ChatTurn& turn : session_.chat())
    text += QStringLiteral("**") + turn.question + QStringLiteral("**\n\n") + turn.answer +
            QStringLiteral("\n\n");
  return text;
}

void ChatPage::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) return session_.stop_chat();
  QWidget::keyPressEvent(event);
}

bool ChatPage::eventFilter(QObject* watched, QEvent* event) {
  if (watched == prompt_ && event->type() == QEvent::KeyPress) {
    const auto* key = static_cast<QKeyEvent*>(event);
    const bool enter = key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter;
    if (enter && !(key->modifiers() & Qt::ShiftModifier)) {
      send();
      return true;
    }
    if (key->key() == Qt::Key_Escape) {
      session_.stop_chat();
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

} // namespace intarsia::ui
