// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/job_runner.h"

#include <chrono>

#include "core/base/error.h"

namespace intarsia::ui {

JobRunner::~JobRunner() {
  for (auto& running : threads_) running.thread.request_stop();
} // the jthreads join themselves

void JobRunner::start(TalkingJob job) {
  if (!threads_.empty()) threads_.back().thread.request_stop();
  std::erase_if(threads_, [](const Running& running) { return running.ended->load(); });
  const std::uint64_t generation = ++generation_;
  running_ = true;
  timer_.start();
  auto ended = std::make_shared<std::atomic<bool>>(false);
  threads_.push_back(
      {ended, std::jthread([this, job = std::move(job), generation, ended](std::stop_token stop) {
         run(job, generation, stop);
         ended->store(true);
       })});
}

void JobRunner::cancel() {
  if (running_) threads_.back().thread.request_stop();
}

void JobRunner::abandon() {
  cancel();
  ++generation_;
  running_ = false;
}

void JobRunner::post(std::uint64_t generation, std::function<void()> call) {
  QMetaObject::invokeMethod(
      this,
      [this, generation, call = std::move(call)] {
        if (generation == generation_) call();
      },
      Qt::QueuedConnection);
}

void JobRunner::run(const TalkingJob& job, std::uint64_t generation, std::stop_token stop) {
  auto last = std::chrono::steady_clock::time_point{};
  const JobControl control{[this, generation, last](const Progress& progress) mutable {
                             const auto now = std::chrono::steady_clock::now();
                             const bool complete = progress.total > 0 && progress.done >= progress.total;
                             if (!complete && now - last < std::chrono::milliseconds(40))
                               return; // 25 a second are enough
                             last = now;
                             post(generation,
                                  [this, stage = QString::fromStdString(progress.stage), done = progress.done,
                                   total = progress.total] { emit progressed(stage, done, total); });
                           },
                           stop};
  const auto end = [this](auto call) {
    return [this, call = std::move(call)] {
      running_ = false;
      call();
    };
  };
  try {
    Finish finish =
        job(control, [this, generation](std::function<void()> call) { post(generation, std::move(call)); });
    post(generation, end([this, finish = std::move(finish)] {
           if (finish) finish();
           emit finished();
         }));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled)
      post(generation, end([this] { emit cancelled(); }));
    else
      post(generation, end([this, sentence = QString::fromUtf8(error.what())] { emit failed(sentence); }));
  } catch (...) {
    post(generation, end([this, sentence = QString::fromStdString(current_exception_sentence())] {
           emit failed(sentence);
         }));
  }
}

double JobRunner::seconds_left(double done, double total, double skipped) const {
  const double worked = done - skipped;
  if (!(total > 0) || worked < 0.01 * (total - skipped)) return -1;
  return double(timer_.elapsed()) / 1000 * (total - done) / worked;
}

} // namespace intarsia::ui
