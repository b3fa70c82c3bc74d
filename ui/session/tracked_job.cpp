// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/tracked_job.h"

namespace intarsia::ui {

TrackedJob::TrackedJob(QObject* parent)
    : QObject(parent) {
  connect(&runner_, &JobRunner::progressed, this, &TrackedJob::progress);
  connect(&runner_, &JobRunner::finished, this, [this] { end(JobState::done); });
  connect(&runner_, &JobRunner::cancelled, this, [this] { end(JobState::cancelled); });
  connect(&runner_, &JobRunner::failed, this, [this](const QString& sentence) {
    end(JobState::failed, sentence);
    emit failed(sentence);
  });
}

void TrackedJob::start(JobRunner::TalkingJob job, const QString& stage, double total) {
  status_ = {JobState::running, stage, 0, total, -1, {}};
  skipped_ = 0;
  runner_.start(std::move(job));
  emit changed();
}

void TrackedJob::abandon() {
  runner_.abandon();
  if (status_.state == JobState::idle) return;
  status_ = {};
  emit changed();
}

void TrackedJob::skip_what_is_done() {
  skipped_ = status_.done;
  status_.seconds_left = -1;
  emit changed();
}

void TrackedJob::progress(const QString& stage, double done, double total) {
  status_.state = JobState::running;
  status_.stage = stage;
  status_.done = done;
  status_.total = total;
  status_.seconds_left = runner_.seconds_left(done, total, skipped_);
  emit changed();
}

void TrackedJob::end(JobState state, const QString& sentence) {
  status_.state = state;
  status_.sentence = sentence;
  status_.seconds_left = -1;
  emit changed();
}

} // namespace intarsia::ui
