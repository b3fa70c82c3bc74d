// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/allocation/infeasible_banner.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/budget/budget_text.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/sentence.h"

namespace intarsia::ui {

InfeasibleBanner::InfeasibleBanner(StudioSession& session, QWidget* over)
    : QFrame(over)
    , session_(session)
    , problem_(make_label({}, "body", this))
    , use_memory_(new QPushButton(this))
    , use_latency_(new QPushButton(this)) {
  setObjectName(QStringLiteral("banner"));
  problem_->setObjectName(QStringLiteral("infeasible"));
  problem_->setTextFormat(Qt::PlainText);
  problem_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  use_memory_->setObjectName(QStringLiteral("useNearestMemory"));
  use_latency_->setObjectName(QStringLiteral("useNearestLatency"));
  auto* layout = new QHBoxLayout(this); // low: the map below it should stay in sight
  layout->setContentsMargins(2 * spacing, spacing, 2 * spacing, spacing);
  layout->setSpacing(2 * spacing);
  layout->addWidget(problem_, 1);
  auto* buttons = new QVBoxLayout;
  buttons->setSpacing(spacing / 2);
  buttons->addStretch();
  buttons->addWidget(use_memory_);
  buttons->addWidget(use_latency_);
  buttons->addStretch();
  layout->addLayout(buttons);
  connect(use_memory_, &QPushButton::clicked, &session_.planner(), &Planner::use_nearest_memory);
  connect(use_latency_, &QPushButton::clicked, &session_.planner(), &Planner::use_nearest_latency);
  connect(&session_.planner(), &Planner::plan_changed, this, &InfeasibleBanner::refresh);
  over->installEventFilter(this);
  refresh();
}

void InfeasibleBanner::refresh() {
  const SolverAnswer& answer = session_.planner().answer();
  problem_->setText(as_sentence(answer.problem));
  use_memory_->setVisible(answer.nearest_memory.has_value());
  if (answer.nearest_memory) use_memory_->setText(tr("Use %1").arg(memory_text(*answer.nearest_memory)));
  use_latency_->setVisible(answer.nearest_seconds.has_value());
  if (answer.nearest_seconds) use_latency_->setText(tr("Use %1").arg(latency_text(*answer.nearest_seconds)));
  setVisible(!answer.problem.isEmpty());
  place();
}

void InfeasibleBanner::place() {
  const int room = std::max(200, parentWidget()->width() - 4 * spacing);
  setFixedWidth(std::min(room, 620));
  setFixedHeight(std::max(layout()->totalHeightForWidth(width()), layout()->minimumSize().height()));
  move((parentWidget()->width() - width()) / 2, std::max(0, (parentWidget()->height() - height()) / 2));
  raise();
}

bool InfeasibleBanner::eventFilter(QObject* watched, QEvent* event) {
  if (watched == parentWidget() && event->type() == QEvent::Resize) place();
  return QFrame::eventFilter(watched, event);
}

} // namespace intarsia::ui
