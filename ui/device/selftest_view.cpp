// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/device/selftest_view.h"

#include <QHBoxLayout>
#include <QListWidget>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/device/device_text.h"
#include "ui/theme/theme.h"
#include "ui/widgets/card.h"

namespace intarsia::ui {
namespace {

constexpr int max_lines = 8; // then the list scrolls: a GPU has hundreds of kernels

}

SelftestView::SelftestView(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , start_(new QPushButton(tr("Test this device"), this))
    , cancel_(new QPushButton(tr("Cancel"), this))
    , progress_(new QProgressBar(this))
    , verdict_(make_label({}, "muted", this))
    , problem_(make_label({}, "error", this))
    , lines_(new QListWidget(this)) {
  start_->setObjectName(QStringLiteral("selftest"));
  start_->setToolTip(tr("Checks every kernel of the chosen device against plain arithmetic"));
  cancel_->setObjectName(QStringLiteral("cancelSelftest"));
  cancel_->setAccessibleName(tr("Cancel the test"));
  progress_->setObjectName(QStringLiteral("selftestProgress"));
  progress_->setAccessibleName(tr("Progress of the test"));
  progress_->setFixedHeight(8);
  lines_->setObjectName(QStringLiteral("selftestLines"));
  lines_->setAccessibleName(tr("Tested kernels"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(spacing);
  auto* row = new QHBoxLayout;
  row->addWidget(start_);
  row->addWidget(cancel_);
  row->addWidget(progress_, 1);
  row->addStretch();
  layout->addLayout(row);
  for (QWidget* widget : std::initializer_list<QWidget*>{verdict_, problem_, lines_})
    layout->addWidget(widget);
  connect(start_, &QPushButton::clicked, &session_.devices(), &Devices::run_selftest);
  connect(cancel_, &QPushButton::clicked, &session_.devices(), &Devices::cancel_selftest);
  connect(&session_.devices(), &Devices::selftest_changed, this, &SelftestView::refresh);
  refresh();
}

void SelftestView::refresh() {
  const JobStatus& job = session_.devices().selftest();
  const bool running = job.state == JobState::running;
  const bool had_focus = start_->hasFocus() || cancel_->hasFocus();
  start_->setVisible(!running);
  cancel_->setVisible(running);
  if (had_focus) (running ? cancel_ : start_)->setFocus(); // not lost with its button
  progress_->setVisible(running);
  progress_->setRange(0, int(job.total)); // 0, while it is not known how much there is to do: busy
  progress_->setValue(int(job.done));
  show_status();
  show_checks();
}

void SelftestView::show_status() {
  const JobStatus& job = session_.devices().selftest();
  const bool done = job.state == JobState::done && !session_.devices().selftest_checks().empty();
  if (job.state == JobState::cancelled)
    verdict_->setText(tr("Cancelled."));
  else
    verdict_->setText(done ? verdict(session_.devices().selftest_checks(), session_.devices().device())
                           : QString());
  verdict_->setVisible(!verdict_->text().isEmpty());
  problem_->setText(job.sentence);
  problem_->setVisible(job.state == JobState::failed);
}

void SelftestView::show_checks() {
  lines_->clear();
  for (const KernelCheck& check : session_.devices().selftest_checks()) lines_->addItem(check_line(check));
  lines_->setVisible(lines_->count() > 0);
  lines_->setFixedHeight(std::min(lines_->count(), max_lines) * std::max(0, lines_->sizeHintForRow(0)) +
                         2 * lines_->frameWidth() + spacing);
}

} // namespace intarsia::ui
