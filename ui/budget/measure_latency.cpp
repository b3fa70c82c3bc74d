// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/budget/measure_latency.h"

#include <QHBoxLayout>
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
    , status_(make_label({}, "muted", this))
    , problem_(make_label({}, "error", this)) {
  measure_->setObjectName(QStringLiteral("measureLatency"));
  measure_->setAccessibleName(tr("Measure how long this model's layers take on this device"));
  cancel_->setObjectName(QStringLiteral("cancelMeasuring"));
  cancel_->setAccessibleName(tr("Cancel measuring"));
  progress_->setObjectName(QStringLiteral("measureProgress"));
  progress_->setAccessibleName(tr("Progress of measuring"));
  progress_->setRange(0, 1000);
  progress_->setFixedHeight(8);
  problem_->setObjectName(QStringLiteral("error"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(spacing);
  layout->addWidget(measure_);
  layout->addWidget(progress_);
  auto* row = new QHBoxLayout;
  row->addWidget(status_, 1);
  row->addWidget(cancel_);
  layout->addLayout(row);
  layout->addWidget(problem_);
  connect(measure_, &QPushButton::clicked, &session_, &StudioSession::measure_latency);
  connect(cancel_, &QPushButton::clicked, &session_, &StudioSession::cancel_measuring);
  for (auto signal :
       {&StudioSession::latency_changed, &StudioSession::model_changed, &StudioSession::sensitivity_changed,
        &StudioSession::quantize_changed, &StudioSession::quality_changed, &StudioSession::chat_changed,
        &StudioSession::selftest_changed, &StudioSession::devices_changed})
    connect(&session_, signal, this, &MeasureLatency::refresh);
  refresh();
}

void MeasureLatency::refresh() {
  const JobStatus& job = session_.profile_job();
  const bool running = job.state == JobState::running;
  const bool wanted = session_.can_measure_latency() && session_.latency_source() != LatencySource::measured;
  const bool had_focus = measure_->hasFocus() || cancel_->hasFocus();
  measure_->setVisible(wanted && !running);
  measure_->setEnabled(!session_.busy());
  measure_->setToolTip(session_.busy()
                           ? tr("Once nothing else is computed: that would make the times wrong")
                           : tr("Times every layer with every quantizer on %1; then you can plan for speed")
                                 .arg(QString::fromStdString(session_.device().name)));
  for (QWidget* widget : std::initializer_list<QWidget*>{progress_, status_, cancel_})
    widget->setVisible(running);
  if (had_focus && (running || wanted))
    (running ? cancel_ : measure_)->setFocus(); // not lost with its button
  progress_->setValue(job.total > 0 ? int(1000 * std::min(1.0, job.done / job.total)) : 0);
  status_->setText(status_text());
  problem_->setText(job.sentence);
  problem_->setVisible(job.state == JobState::failed && wanted);
}

QString MeasureLatency::status_text() const {
  const JobStatus& job = session_.profile_job();
  if (job.stage.isEmpty()) return tr("Measuring…");
  const QString left = time_left(job.seconds_left);
  return left.isEmpty() ? tr("Measuring %1").arg(job.stage) : tr("Measuring %1, %2").arg(job.stage, left);
}

} // namespace intarsia::ui
