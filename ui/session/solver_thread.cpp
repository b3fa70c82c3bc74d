// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/solver_thread.h"

#include "core/base/error.h"

namespace intarsia::ui {
namespace {

// What the first, quick answer is improved to when no newer request comes: with two budgets that can take
// seconds.
constexpr double final_gap = 1e-4, final_seconds = 5;

SolverAnswer failed(const QString& problem) {
  SolverAnswer answer;
  answer.problem = problem;
  return answer;
}

} // namespace

SolverThread::SolverThread(QObject* parent)
    : QObject(parent)
    , thread_([this](std::stop_token stop) { loop(stop); }) {}

SolverThread::~SolverThread() {
  const std::scoped_lock lock(mutex_);
  present_.request_stop();
  thread_.request_stop();
}

void SolverThread::set_problem(AllocationProblem problem) {
  const std::scoped_lock lock(mutex_);
  next_problem_ = std::move(problem);
  next_request_.reset();
  present_.request_stop();
}

void SolverThread::request(const AllocationRequest& request) {
  {
    const std::scoped_lock lock(mutex_);
    next_request_ = request;
    present_.request_stop();
  }
  wake_.notify_one();
}

void SolverThread::loop(std::stop_token stop) {
  std::unique_ptr<Allocator> allocator;
  bool traced_already = false;
  for (;;) {
    std::optional<AllocationProblem> problem;
    AllocationRequest request;
    std::stop_token present;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return next_request_.has_value(); });
      if (stop.stop_requested()) return;
      problem = std::exchange(next_problem_, std::nullopt);
      request = *std::exchange(next_request_, std::nullopt);
      present_ = std::stop_source();
      present = present_.get_token();
    }
    try {
      if (problem) {
        allocator.reset();
        traced_already = false;
        allocator = std::make_unique<Allocator>(std::move(*problem));
      }
      if (!allocator) continue;
      const SolverAnswer quick = solve(*allocator, request, present);
      report(quick);
      if (!quick.plan || quick.plan->solver.gap > final_gap) {
        request.gap = final_gap;
        request.time_limit = final_seconds;
        report(solve(*allocator, request, present));
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) continue; // a newer request stands in line
      report(failed(QString::fromUtf8(error.what())));
    } catch (...) {
      report(failed(QString::fromStdString(current_exception_sentence())));
    }
    if (allocator && !traced_already) traced_already = trace(*allocator, present);
  }
}

void SolverThread::report(SolverAnswer answer) {
  const std::scoped_lock lock(mutex_);
  if (next_problem_) return; // the answer belongs to a problem that is no longer asked
  QMetaObject::invokeMethod(
      this, [this, answer = std::move(answer)] { emit answered(answer); }, Qt::QueuedConnection);
}

bool SolverThread::trace(Allocator& allocator, std::stop_token stop) {
  constexpr std::size_t points = 64;
  try {
    trace_frontier(allocator, points,
                   [&](const Frontier& frontier) {
                     const std::scoped_lock lock(mutex_);
                     if (next_problem_) return;
                     QMetaObject::invokeMethod(
                         this, [this, frontier] { emit traced(frontier); }, Qt::QueuedConnection);
                   },
                   {{}, stop});
  } catch (const Error& error) {
    return error.kind() != ErrorKind::cancelled;
  }
  return true;
}

SolverAnswer SolverThread::solve(Allocator& allocator, const AllocationRequest& request,
                                 std::stop_token stop) const {
  SolverAnswer answer;
  answer.memory_range = allocator.memory_range(request.context);
  answer.latency_range = allocator.latency_range();
  try {
    answer.plan = allocator.solve(request, {{}, stop});
    answer.single_scheme = allocator.best_single_scheme(request);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    answer.problem = QString::fromUtf8(error.what());
  }
  return answer;
}

} // namespace intarsia::ui
