// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/model/welcome.h"

#include <QFileInfo>
#include <QHBoxLayout>
#include <QMenu>
#include <QPushButton>
#include <QStyle>

#include "ui/session/recent_models.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"

namespace intarsia::ui {

Welcome::Welcome(QWidget* parent)
    : QWidget(parent)
    , drop_(new QFrame(this))
    , drop_text_(make_label({}, "muted", this)) {
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(2 * spacing, 2 * spacing, 2 * spacing, 2 * spacing);
  layout->setSpacing(2 * spacing);
  layout->addWidget(build_begin(), 1);
  layout->addWidget(build_recent(), 1);
  refresh();
}

QWidget* Welcome::build_begin() {
  auto* card = new Card(tr("Fit a language model to this device"), this);
  card->content()->addWidget(
      make_label(tr("Open a model, say how much memory it may take, and Intarsia chooses a quantizer for "
                    "every layer: the "
                    "plan that loses least. Then quantize it and chat with the result."),
                 "body", this));
  card->content()->addSpacing(spacing);
  auto* built_in = new QPushButton(tr("Try it now with the built-in model"), this);
  built_in->setObjectName(QStringLiteral("primary"));
  setFocusProxy(built_in);
  built_in->setToolTip(
      tr("A small model that knows a little about wood. Everything works with it, in seconds"));
  card->content()->addWidget(built_in);
  auto* open = new QPushButton(tr("Open a model…"), this);
  open->setObjectName(QStringLiteral("openModel"));
  open->setToolTip(tr("A Hugging Face folder, a .safetensors or .gguf file, or a bare config.json"));
  auto* menu = new QMenu(open);
  connect(menu->addAction(tr("A folder…")), &QAction::triggered, this, &Welcome::folder_wanted);
  connect(menu->addAction(tr("A .gguf or .safetensors file…")), &QAction::triggered, this,
          &Welcome::file_wanted);
  open->setMenu(menu);
  card->content()->addWidget(open);
  drop_->setObjectName(QStringLiteral("dropZone"));
  auto* inside = new QVBoxLayout(drop_);
  drop_text_->setAlignment(Qt::AlignCenter);
  drop_text_->setWordWrap(true);
  inside->addWidget(drop_text_);
  card->content()->addWidget(drop_, 1);
  connect(built_in, &QPushButton::clicked, this, &Welcome::built_in_wanted);
  show_drop(false);
  return card;
}

QWidget* Welcome::build_recent() {
  auto* card = new Card(tr("Recent models"), this);
  recent_ = new QVBoxLayout;
  recent_->setSpacing(spacing / 2);
  card->content()->addLayout(recent_);
  card->content()->addStretch();
  return card;
}

void Welcome::refresh() {
  while (QLayoutItem* item = recent_->takeAt(0)) {
    if (item->widget()) item->widget()->deleteLater();
    delete item;
  }
  const auto models = recent_models();
  if (models.empty())
    recent_->addWidget(make_label(tr("None yet: models that you open are listed here."), "muted", this));
  for (const RecentModel& model : models) {
    const bool there = QFileInfo::exists(model.path);
    auto* button = new QPushButton(
        tr("%1\n%2").arg(model.name, there ? model.facts : tr("is not there any more: %1").arg(model.path)),
        this);
    button->setObjectName(QStringLiteral("recent"));
    button->setToolTip(model.path);
    button->setEnabled(there);
    recent_->addWidget(button);
    connect(button, &QPushButton::clicked, this, [this, path = model.path] { emit path_wanted(path); });
  }
}

void Welcome::show_drop(bool over_window) {
  drop_->setProperty("over", over_window);
  drop_->style()->unpolish(drop_); // style sheets look at properties once
  drop_->style()->polish(drop_);
  drop_text_->setText(over_window ? tr("Let go to open it")
                                  : tr("or drop a model folder or file anywhere here"));
}

void Welcome::show_opening(const QString& path) {
  if (path.isEmpty()) return show_drop(false);
  drop_text_->setText(tr("Opening %1…").arg(QFileInfo(path).fileName()));
}

} // namespace intarsia::ui
