// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/budget/measure_latency.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/theme/theme.h"
#include "ui/widgets/card.h"
#include "ui/widgets/time_left.h"

namespace intarsia::ui {

MeasureLatency::MeasureLatency(StudioSession& session, QWidget* parent)
    : QWidget(parent)
    , session_(session)
    , measure_(new QPushButton(tr("Measure this device"), this))
    , cancel_(new QPushButton(tr("Cancel"), this))
    , progress_(new QProgressBar(this))
    , status_(make_label({}, "muted", this)) {
  measure_->setObjectName(QStringLiteral("measureLatency"));
  measure_->setAccessibleName(tr("Measure how long this model's layers take on this device"));
  cancel_->setObjectName(QStringLiteral("cancelMeasuring"));
  cancel_->setAccessibleName(tr("Cancel measuring"));
  progress_->setObjectName(QStringLiteral("measureProgress"));
  progress_->setAccessibleName(tr("Progress of measuring"));
  progress_->setRange(0, 1000);
  progress_->setFixedHeight(6);
  status_->setWordWrap(false);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(spacing / 2);
  auto* row = new QHBoxLayout;
  row->addWidget(status_, 1);
  row->addWidget(measure_);
  row->addWidget(cancel_);
  layout->addLayout(row);
  layout->addWidget(progress_);
  for (QWidget* widget : std::initializer_list<QWidget*>{measure_, progress_}) {
    QSizePolicy policy = widget->sizePolicy();
    policy.setRetainSizeWhenHidden(widget == progress_);
    widget->setSizePolicy(policy);
  }
  setMinimumHeight(measure_->sizeHint().height() + 6 + spacing / 2);
  connect(measure_, &QPushButton::clicked, &session_.latency(), &Latency::measure);
  connect(cancel_, &QPushButton::clicked, &session_.latency(), &Latency::cancel);
  connect(&session_, &StudioSession::state_changed, this, &MeasureLatency::refresh);
  refresh();
}

void MeasureLatency::refresh() {
  const JobStatus& job = session_.latency().job();
  const bool running = job.state == JobState::running;
  const bool wanted =
      session_.latency().can_measure() && session_.latency().source() != LatencySource::measured;
  const bool had_focus = measure_->hasFocus() || cancel_->hasFocus();
  measure_->setVisible(wanted && !running);
  measure_->setEnabled(!session_.busy());
  measure_->setToolTip(session_.busy()
                           ? tr("Once nothing else is computed: that would make the times wrong")
                           : tr("Times every layer with every quantizer on %1; then you can plan for speed")
                                 .arg(QString::fromStdString(session_.devices().device().name)));
  progress_->setVisible(running);
  cancel_->setVisible(running);
  if (had_focus && (running || wanted))
    (running ? cancel_ : measure_)->setFocus(); // not lost with its button
  progress_->setValue(job.total > 0 ? int(1000 * std::min(1.0, job.done / job.total)) : 0);
  const bool failed = job.state == JobState::failed && wanted;
  status_->setText(running ? status_text() : failed ? job.sentence : QString());
  status_->setToolTip(status_->text());
}

QString MeasureLatency::status_text() const {
  const QString left = time_left(session_.latency().job().seconds_left);
  return left.isEmpty() ? tr("Measuring…") : tr("Measuring, %1").arg(left);
}

} // namespace intarsia::ui
