// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/chat/chat_page.h"

#include <QApplication>
#include <QButtonGroup>
#include <QClipboard>
#include <QDoubleSpinBox>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QSpinBox>

#include "ui/chat/answer_view.h"
#include "ui/chat/server_card.h"
#include "ui/chat/thinking.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/tab_order.h"

namespace intarsia::ui {
namespace {

constexpr int settings_width = 264, narrow_settings_width = 216, narrow_page = 860;

QStringList starter_questions(bool built_in) {
  if (built_in) // what it was trained on
    return {QObject::tr("What is walnut good for?"), QObject::tr("Is ebony a hard wood?"),
            QObject::tr("How does an oak grow?")};
  return {QObject::tr("Explain in three sentences why the sky is blue."),
          QObject::tr("Write a short poem about the sea."),
          QObject::tr("What should I cook with rice, eggs and spinach?")};
}

} // namespace

ChatPage::ChatPage(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , scroll_(new QScrollArea(this))
    , starters_(new QWidget(this))
    , prompt_(new QPlainTextEdit(this))
    , system_(new QPlainTextEdit(this))
    , send_(new QPushButton(tr("Send"), this))
    , stop_(new QPushButton(tr("Stop"), this))
    , original_(new QPushButton(tr("Original"), this))
    , quantized_(new QPushButton(tr("Quantized"), this))
    , temperature_(new QDoubleSpinBox(this))
    , top_p_(new QDoubleSpinBox(this))
    , max_tokens_(new QSpinBox(this))
    , seed_(new QSpinBox(this))
    , hint_(make_label({}, "muted", this)) {
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(2 * spacing);
  layout->addWidget(build_conversation(), 1);
  settings_ = build_side();
  layout->addWidget(settings_);
  setFocusProxy(prompt_);
  connect(&session_.chat(), &Chat::changed, this, &ChatPage::refresh);
  connect(&session_.chat(), &Chat::text, this, &ChatPage::append);
  connect(&session_.models(), &ModelStore::changed, this, &ChatPage::refresh);
  refresh();
}

QWidget* ChatPage::build_conversation() {
  auto* card = new Card({}, this);
  auto* inside = new QWidget(this);
  inside->setObjectName(QStringLiteral("conversation"));
  turns_layout_ = new QVBoxLayout(inside);
  turns_layout_->setContentsMargins(0, 0, spacing, 0);
  turns_layout_->setSpacing(2 * spacing);
  turns_layout_->addWidget(build_starters());
  turns_layout_->addStretch();
  inside->setStyleSheet(QStringLiteral("QWidget#conversation { background: transparent; }"));
  scroll_->setObjectName(QStringLiteral("conversationScroll"));
  scroll_->setWidget(inside);
  scroll_->setWidgetResizable(true);
  scroll_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  // Whoever scrolls up while an answer comes reads on there; at the end it is followed.
  connect(scroll_->verticalScrollBar(), &QScrollBar::valueChanged, this,
          [this](int value) { at_end_ = value >= scroll_->verticalScrollBar()->maximum() - 4; });
  connect(scroll_->verticalScrollBar(), &QScrollBar::rangeChanged, this, [this] { follow_end(); });
  card->content()->addWidget(scroll_, 1);
  card->content()->addWidget(build_prompt());
  return card;
}

QWidget* ChatPage::build_starters() {
  auto* layout = new QVBoxLayout(starters_);
  layout->setContentsMargins(0, spacing, 0, 0);
  layout->addWidget(make_label(tr("Begin with a question, or write your own below."), "muted", this));
  for (int i = 0; i < 3; ++i) {
    auto* starter = new QPushButton(this);
    starter->setObjectName(QStringLiteral("starter"));
    starter->setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
    layout->addWidget(starter, 0, Qt::AlignLeft);
    connect(starter, &QPushButton::clicked, this, [this, starter] {
      prompt_->setPlainText(starter->text());
      send();
    });
  }
  return starters_;
}

QWidget* ChatPage::build_prompt() {
  auto* holder = new QWidget(this);
  auto* layout = new QVBoxLayout(holder);
  layout->setContentsMargins(0, 0, 0, 0);
  prompt_->setObjectName(QStringLiteral("prompt"));
  prompt_->setAccessibleName(tr("Your message"));
  prompt_->setPlaceholderText(
      tr("Ask something. Enter sends, Shift+Enter starts a new line, Esc stops the answer."));
  prompt_->setFixedHeight(64);
  prompt_->setTabChangesFocus(true);
  prompt_->installEventFilter(this);
  layout->addWidget(prompt_);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(hint_, 1);
  stop_->setObjectName(QStringLiteral("stopChat"));
  send_->setObjectName(QStringLiteral("primary"));
  buttons->addWidget(stop_);
  buttons->addWidget(send_);
  layout->addLayout(buttons);
  connect(send_, &QPushButton::clicked, this, &ChatPage::send);
  connect(stop_, &QPushButton::clicked, &session_.chat(), &Chat::stop);
  return holder;
}

QWidget* ChatPage::build_speakers() {
  auto* holder = new QWidget(this);
  auto* layout = new QHBoxLayout(holder);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  auto* group = new QButtonGroup(this);
  for (QPushButton* button : {original_, quantized_}) {
    button->setObjectName(QStringLiteral("segment"));
    button->setCheckable(true);
    group->addButton(button);
    layout->addWidget(button, 1);
  }
  original_->setToolTip(
      tr("The original model answers the next question, with the same conversation before it"));
  quantized_->setToolTip(
      tr("The quantized model answers the next question, with the same conversation before it"));
  connect(original_, &QPushButton::clicked, this,
          [this] { session_.chat().choose_speaker(Speaker::original); });
  connect(quantized_, &QPushButton::clicked, this,
          [this] { session_.chat().choose_speaker(Speaker::quantized); });
  return holder;
}

QWidget* ChatPage::build_settings() {
  auto* card = new Card(tr("Next answer by"), this);
  card->content()->addWidget(build_speakers());
  const auto add = [&](const QString& label, auto* box, const QString& help) {
    auto* row = new QHBoxLayout;
    row->addWidget(new QLabel(label, this), 1);
    box->setAccessibleName(label);
    box->setToolTip(help);
    box->setButtonSymbols(QAbstractSpinBox::NoButtons);
    box->setAlignment(Qt::AlignRight);
    box->setFixedWidth(80);
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
  add(tr("Temperature"), temperature_, tr("0 always takes the likeliest token; higher is more varied"));
  add(tr("Top-p"), top_p_, tr("Samples among the likeliest tokens that together have this probability"));
  add(tr("Tokens at most"), max_tokens_, tr("An answer is cut off after so many tokens"));
  add(tr("Seed"), seed_, tr("The same seed and settings give the same answer"));
  card->content()->addSpacing(spacing);
  card->content()->addWidget(new QLabel(tr("System prompt"), this));
  system_->setAccessibleName(tr("System prompt"));
  system_->setToolTip(tr("What the model is told before the conversation"));
  system_->setTabChangesFocus(true);
  system_->setMaximumHeight(60);
  card->content()->addWidget(system_);
  card->content()->addStretch();
  auto* copy = new QPushButton(tr("Copy chat"), this);
  auto* clear = new QPushButton(tr("New chat"), this);
  clear->setObjectName(QStringLiteral("newChat"));
  copy->setToolTip(tr("Copies the conversation as Markdown, with who answered and how"));
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(copy, 1);
  buttons->addWidget(clear, 1);
  card->content()->addLayout(buttons);
  connect(copy, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(to_markdown()); });
  connect(clear, &QPushButton::clicked, &session_.chat(), &Chat::clear);
  return card;
}

// Settings and server; they scroll where the window is low.
QWidget* ChatPage::build_side() {
  auto* inside = new QWidget(this);
  inside->setObjectName(QStringLiteral("chatSide"));
  inside->setStyleSheet(QStringLiteral("QWidget#chatSide { background: transparent; }"));
  auto* layout = new QVBoxLayout(inside);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(2 * spacing);
  layout->addWidget(build_settings(), 1);
  layout->addWidget(new ServerCard(session_, this));
  auto* scroll = new QScrollArea(this);
  scroll->setWidget(inside);
  scroll->setWidgetResizable(true);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setFocusPolicy(Qt::NoFocus);
  return scroll;
}

void ChatPage::focus_prompt() { prompt_->setFocus(Qt::OtherFocusReason); }

ChatSettings ChatPage::settings() const {
  ChatSettings settings;
  settings.system = system_->toPlainText();
  settings.sampling.temperature = temperature_->value();
  settings.sampling.top_p = top_p_->value();
  settings.sampling.seed = std::uint64_t(seed_->value());
  settings.max_tokens = max_tokens_->value();
  return settings;
}

void ChatPage::send() {
  if (session_.chat().answering()) return;
  at_end_ = true;
  session_.chat().send(prompt_->toPlainText(), settings());
  if (!session_.chat().answering()) return;
  asked_ = true;
  prompt_->clear();
}

void ChatPage::regenerate() {
  seed_->setValue(seed_->value() + 1); // another seed, or the answer would be the same
  at_end_ = true;
  session_.chat().regenerate(settings());
}

void ChatPage::edit(std::size_t turn) {
  prompt_->setPlainText(session_.chat().turns()[turn].question);
  session_.chat().forget_from(turn);
  prompt_->moveCursor(QTextCursor::End);
  prompt_->setFocus();
}

AnswerView* ChatPage::add_view(std::size_t turn) {
  auto* view = new AnswerView(this);
  turns_layout_->insertWidget(turns_layout_->count() - 1, view);
  connect(view, &AnswerView::copy_wanted, this, [this, turn] {
    const QString& text = session_.chat().turns()[turn].answer().text;
    QApplication::clipboard()->setText(split_thinking(text).answer);
  });
  connect(
      view, &AnswerView::edit_wanted, this, [this, turn] { edit(turn); }, Qt::QueuedConnection);
  connect(view, &AnswerView::regenerate_wanted, this, &ChatPage::regenerate);
  connect(view, &AnswerView::answer_wanted, this,
          [this, turn](std::size_t index) { session_.chat().show_answer(turn, index); });
  return view;
}

void ChatPage::refresh() {
  const Chat& chat = session_.chat();
  const auto& turns = chat.turns();
  while (turns_.size() > turns.size()) {
    delete turns_.back();
    turns_.pop_back();
  }
  const bool more = turns_.size() < turns.size();
  while (turns_.size() < turns.size()) turns_.push_back(add_view(turns_.size()));
  if (more) order_tabs(*this);
  const bool busy = chat.answering();
  for (std::size_t i = 0; i < turns.size(); ++i) turns_[i]->show_turn(turns[i], i + 1 == turns.size(), busy);
  give_back_unanswered();
  starters_->setVisible(turns.empty() && chat.can_answer());
  const auto starters = starters_->findChildren<QPushButton*>(QStringLiteral("starter"));
  const auto questions = starter_questions(session_.models().is_built_in());
  for (int i = 0; i < starters.size(); ++i) starters[i]->setText(questions[i]);
  send_->setEnabled(chat.can_answer() && !busy);
  stop_->setEnabled(busy);
  original_->setEnabled(!chat.model(Speaker::original).path.isEmpty());
  quantized_->setEnabled(!chat.model(Speaker::quantized).path.isEmpty());
  (chat.speaker() == Speaker::quantized ? quantized_ : original_)->setChecked(true);
  hint_->setText(hint());
  follow_end();
}

QString ChatPage::hint() const {
  const Chat& chat = session_.chat();
  if (!session_.model()) return tr("Open a model to chat with it.");
  if (!chat.can_answer()) return tr("This model has no weights to answer with. Open one that has, to chat.");
  return tr("%1 answers").arg(chat.model(chat.speaker()).name);
}

// A question that could not be answered, because it is too long, say, is there to be changed.
void ChatPage::give_back_unanswered() {
  if (!asked_ || session_.chat().answering()) return;
  asked_ = false;
  const auto& turns = session_.chat().turns();
  if (turns.empty() || turns.back().answer().answered || turns.back().answer().problem.isEmpty()) return;
  if (prompt_->toPlainText().isEmpty()) prompt_->setPlainText(turns.back().question);
}

void ChatPage::append() {
  const auto& turns = session_.chat().turns();
  if (!turns.empty() && turns_.size() == turns.size()) turns_.back()->show_turn(turns.back(), true, true);
}

void ChatPage::follow_end() {
  if (at_end_) scroll_->verticalScrollBar()->setValue(scroll_->verticalScrollBar()->maximum());
}

QString ChatPage::to_markdown() const {
  QString text;
  for (const ChatTurn& turn : session_.chat().turns()) {
    const ChatAnswer& answer = turn.answer();
    text += tr("**%1**\n\n%2\n\n*%3; temperature %4, top-p %5, seed %6*\n\n")
                .arg(turn.question, answer.text, answer.model)
                .arg(answer.sampling.temperature)
                .arg(answer.sampling.top_p)
                .arg(answer.sampling.seed);
  }
  return text;
}

void ChatPage::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) return session_.chat().stop();
  QWidget::keyPressEvent(event);
}

void ChatPage::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  settings_->setFixedWidth(width() < narrow_page ? narrow_settings_width : settings_width);
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
      session_.chat().stop();
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

} // namespace intarsia::ui
