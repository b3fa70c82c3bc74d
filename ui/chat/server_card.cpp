// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/chat/server_card.h"

#include <QCheckBox>
#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>

#include "ui/theme/theme.h"

namespace intarsia::ui {

ServerCard::ServerCard(StudioSession& session, QWidget* parent)
    : Card({}, parent)
    , session_(session)
    , switch_(new QCheckBox(tr("Serve to other programs"), this))
    , port_(new QSpinBox(this))
    , key_(new QLineEdit(this))
    , settings_(new QWidget(this))
    , state_(make_label({}, "muted", this))
    , copy_(new QPushButton(tr("Copy as curl"), this)) {
  switch_->setObjectName(QStringLiteral("serve"));
  switch_->setToolTip(
      tr("Other programs on this machine can use the model that answers here, in the shape of "
         "OpenAI's API"));
  port_->setObjectName(QStringLiteral("serverPort"));
  port_->setAccessibleName(tr("Port"));
  port_->setToolTip(tr("The port to listen on; 0 takes any that is free"));
  port_->setRange(0, 65535);
  port_->setValue(ServerSettings().port);
  port_->setButtonSymbols(QAbstractSpinBox::NoButtons);
  port_->setGroupSeparatorShown(false);
  port_->setFixedWidth(64);
  key_->setObjectName(QStringLiteral("serverKey"));
  key_->setAccessibleName(tr("API key"));
  key_->setPlaceholderText(tr("no API key"));
  key_->setToolTip(tr("What clients must send as their API key; empty: none is asked for"));
  auto* row = new QHBoxLayout(settings_);
  row->setContentsMargins(0, 0, 0, 0);
  row->addWidget(new QLabel(tr("Port"), this));
  row->addWidget(port_);
  row->addWidget(key_, 1);
  state_->setTextFormat(Qt::PlainText);
  state_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  copy_->setObjectName(QStringLiteral("copyCurl"));
  copy_->setToolTip(tr("Copies a command line that asks the server something"));
  content()->addWidget(switch_);
  content()->addWidget(settings_);
  content()->addWidget(state_);
  content()->addWidget(copy_);
  connect(switch_, &QCheckBox::clicked, this, [this](bool wanted) {
    Chat& chat = session_.chat();
    if (wanted)
      session_.server().start(chat.speaker(), chat.model(chat.speaker()), {port_->value(), key_->text()});
    else
      session_.server().stop();
    refresh();
  });
  connect(copy_, &QPushButton::clicked, this,
          [this] { QGuiApplication::clipboard()->setText(session_.server().curl_line()); });
  connect(&session_.server(), &Server::changed, this, &ServerCard::refresh);
  connect(&session_.chat(), &Chat::changed, this, &ServerCard::refresh);
  refresh();
}

QString ServerCard::state_text() const {
  const Server& server = session_.server();
  const JobStatus& job = server.job();
  if (server.on()) {
    QString text =
        tr("%1\n%2/v1, %3 answered.").arg(server.served_name(), server.address()).arg(server.answered());
    if (!server.template_problem().isEmpty()) text += QLatin1Char('\n') + server.template_problem();
    return text;
  }
  if (job.state == JobState::running) return switch_->isChecked() ? tr("Starting…") : tr("Ending…");
  if (job.state == JobState::failed) return job.sentence.left(1).toUpper() + job.sentence.mid(1);
  return {};
}

void ServerCard::refresh() {
  const Server& server = session_.server();
  if (!server.changing()) switch_->setChecked(server.on());
  switch_->setEnabled(!server.changing() && (server.on() || session_.chat().can_answer()));
  settings_->setVisible(!server.on());
  settings_->setEnabled(!server.changing());
  restyle(*state_, server.job().state == JobState::failed ? "error" : "muted");
  state_->setText(state_text());
  state_->setVisible(!state_->text().isEmpty());
  copy_->setVisible(server.on());
}

} // namespace intarsia::ui
