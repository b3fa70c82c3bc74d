// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Runs one job at a time off the GUI thread. A newer job supersedes the running one: the old is asked to stop
// and whatever it still says is dropped.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/progress.h"

namespace intarsia::ui {

class JobRunner : public QObject {
  Q_OBJECT
 public:
  // The job runs on a thread of its own; what it returns runs on the GUI thread afterwards.
  using Finish = std::function<void()>;
  using Job = std::function<Finish(const JobControl&)>;
  // Runs a call on the GUI thread, in order; dropped when the job was superseded or abandoned meanwhile.
  using Post = std::function<void(std::function<void()>)>;
  using TalkingJob = std::function<Finish(const JobControl&, const Post&)>;

  explicit JobRunner(QObject* parent = nullptr)
      : QObject(parent) {}
  ~JobRunner() override;

  void start(TalkingJob job);
  void start(Job job) {
    start([job = std::move(job)](const JobControl& control, const Post&) { return job(control); });
  }
  void cancel();  // asks the running job to stop; `cancelled` follows
  void abandon(); // the same, but nothing it still says is heard
  bool running() const { return running_; }
  // By the average speed so far, of which `skipped` took no time; < 0 while unknown.
  double seconds_left(double done, double total, double skipped = 0) const;

 signals:
  void progressed(const QString& stage, double done, double total);
  void finished();
  void failed(const QString& sentence);
  void cancelled();

 private:
  void run(const TalkingJob& job, std::uint64_t generation, std::stop_token stop);
  void post(std::uint64_t generation, std::function<void()> call); // dropped when superseded meanwhile

  struct Running {
    std::shared_ptr<std::atomic<bool>> ended;
    std::jthread thread; // joined when this ends, or once the job has ended
  };
  std::vector<Running> threads_; // the last is the present job's
  std::uint64_t generation_ = 0;
  bool running_ = false;
  QElapsedTimer timer_;
};

} // namespace intarsia::ui
