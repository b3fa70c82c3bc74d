// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A job runner with what views show of it: state, stage, progress, time left, and why it failed.
#pragma once

#include "ui/session/job_runner.h"

namespace intarsia::ui {

enum class JobState { idle, running, done, failed, cancelled };

struct JobStatus {
  JobState state = JobState::idle;
  QString stage;
  double done = 0, total = 0; // the job's own unit
  double seconds_left = -1;   // < 0: unknown
  QString sentence;           // of a failure
};

class TrackedJob : public QObject {
  Q_OBJECT
 public:
  explicit TrackedJob(QObject* parent = nullptr);

  void start(JobRunner::TalkingJob job, const QString& stage = {}, double total = 0);
  void cancel() { runner_.cancel(); } // `changed` follows when it has stopped
  void abandon();                     // idle at once; nothing the job still says is heard
  void skip_what_is_done();           // it took no time: an earlier run had done it

  const JobStatus& status() const { return status_; }
  bool running() const { return runner_.running(); }

 signals:
  void changed();
  void failed(const QString& sentence);

 private:
  void progress(const QString& stage, double done, double total);
  void end(JobState state, const QString& sentence = {});

  JobStatus status_;
  double skipped_ = 0;
  JobRunner runner_; // last: its threads end before the rest
};

} // namespace intarsia::ui
