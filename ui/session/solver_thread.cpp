// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/session/solver_thread.h"

#include <cmath>

#include "core/base/error.h"
#include "core/memory/memory_model.h"

namespace intarsia::ui {
namespace {

// What the first, quick answer is improved to when no newer request comes: with two budgets that can take
// seconds.
constexpr double final_gap = 1e-4, final_seconds = 5;
constexpr double patient_seconds = 1; // for a first answer, where there was no plan in the time it had
constexpr double price_gap = 3e-4, price_seconds = 2;
constexpr std::size_t frontier_points = 64;
// Of the linears' bytes and of the time of a step: what "a little more" of a budget is.
constexpr double more_memory_part = 0.05, more_time_part = 0.02;

// 1, 2 or 5 times a power of ten.
double round_figure(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  const double digit = value / power;
  return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

MemoryBudget with_more(const MemoryBudget& budget, double bytes, const AllocationProblem& problem) {
  if (const auto* average = std::get_if<BitsPerWeight>(&budget))
    return BitsPerWeight{average->bits + 8 * bytes / double(problem.graph.linear_weights())};
  if (const auto* part = std::get_if<ModelFraction>(&budget))
    return ModelFraction{part->fraction + bytes / double(f16_model_bytes(problem.graph, problem.config))};
  return MemoryBytes{std::get<MemoryBytes>(budget).bytes + std::uint64_t(bytes)};
}

SolverAnswer solve(Allocator& allocator, const AllocationRequest& request, const JobControl& control) {
  SolverAnswer answer;
  answer.request = request;
  answer.memory_range = allocator.memory_range(request.context);
  answer.latency_range = allocator.quick_latency_range();
  try {
    answer.plan = allocator.solve(request, control);
    answer.single_scheme = allocator.best_single_scheme(request);
  } catch (const Infeasible& error) {
    answer.problem = QString::fromUtf8(error.what());
    answer.nearest_memory = error.memory;
    answer.nearest_seconds = error.latency_seconds;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    answer.problem = QString::fromUtf8(error.what());
  }
  answer.memory_scale = allocator.memory_scale(request.context, answer.plan ? &*answer.plan : nullptr);
  return answer;
}

bool is_infeasible(const SolverAnswer& answer) { return answer.nearest_memory || answer.nearest_seconds; }

void price_budgets(Allocator& allocator, SolverAnswer& answer, const JobControl& control) {
  const Plan& plan = *answer.plan;
  AllocationRequest request = answer.request;
  request.gap = price_gap;
  request.time_limit = price_seconds;
  if (request.memory) {
    constexpr double mebibyte = 0x1p20;
    const double bytes =
        mebibyte * round_figure(more_memory_part * double(plan.predicted.linear_bytes) / mebibyte);
    AllocationRequest more = request;
    more.memory = with_more(*request.memory, bytes, allocator.problem());
    answer.more_memory = {bytes, allocator.solve(more, control).predicted.loss};
  }
  if (request.latency_seconds && plan.predicted.latency_seconds) {
    const double seconds = 1e-3 * round_figure(1e3 * more_time_part * *plan.predicted.latency_seconds);
    AllocationRequest more = request;
    more.latency_seconds = *request.latency_seconds + seconds;
    answer.more_time = {seconds, allocator.solve(more, control).predicted.loss};
  }
}

} // namespace

SolverThread::SolverThread(QObject* parent)
    : QObject(parent)
    , thread_([this](std::stop_token stop) { loop(stop); }) {}

SolverThread::~SolverThread() {
  const std::scoped_lock lock(mutex_);
  present_problem_.request_stop();
  present_.request_stop();
  thread_.request_stop();
}

void SolverThread::set_problem(AllocationProblem problem) {
  const std::scoped_lock lock(mutex_);
  next_problem_ = std::move(problem);
  next_request_.reset();
  ++generation_;
  present_problem_.request_stop();
  present_.request_stop();
}

void SolverThread::clear() {
  const std::scoped_lock lock(mutex_);
  next_problem_.reset();
  next_request_.reset();
  ++generation_;
  present_problem_.request_stop();
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

std::optional<SolverThread::Task> SolverThread::next_task(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, stop, [this] { return next_request_.has_value(); });
  if (stop.stop_requested()) return std::nullopt;
  present_problem_ = std::stop_source();
  present_ = std::stop_source();
  return Task{std::exchange(next_problem_, std::nullopt), *std::exchange(next_request_, std::nullopt),
              present_problem_.get_token(), present_.get_token(), generation_};
}

void SolverThread::post(std::uint64_t generation, std::function<void()> call) {
  QMetaObject::invokeMethod(
      this,
      [this, generation, call = std::move(call)] {
        if (generation == generation_) call();
      },
      Qt::QueuedConnection);
}

void SolverThread::loop(std::stop_token stop) {
  std::unique_ptr<Allocator> allocator;
  std::size_t traced_context = 0; // of the frontier that is there; 0: none
  while (auto task = next_task(stop)) {
    try {
      if (task->problem) {
        traced_context = 0;
        allocator.reset();
        allocator = std::make_unique<Allocator>(std::move(*task->problem));
      }
      if (!allocator) continue;
      SolverAnswer first = solve(*allocator, task->request, {{}, task->stop_problem});
      if (!first.plan && !is_infeasible(first)) { // a slow machine: what is said of it would be gone at once
        AllocationRequest patient = task->request;
        patient.time_limit = patient_seconds;
        first = solve(*allocator, patient, {{}, task->stop_problem});
      }
      post(task->generation, [this, first] { emit answered(first); });
      if (traced_context != task->request.context) {
        trace_frontier(*allocator, frontier_points, task->request.context,
                       [&](const Frontier& frontier) {
                         post(task->generation, [this, frontier] { emit traced(frontier); });
                       },
                       {{}, task->stop});
        traced_context = task->request.context;
      }
      improve(*allocator, first, *task);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) continue; // a newer request stands in line
      SolverAnswer failed;
      failed.request = task->request;
      failed.problem = QString::fromUtf8(error.what());
      post(task->generation, [this, failed] { emit answered(failed); });
    } catch (...) {
      SolverAnswer failed;
      failed.request = task->request;
      failed.problem = QString::fromStdString(current_exception_sentence());
      post(task->generation, [this, failed] { emit answered(failed); });
    }
  }
}

void SolverThread::improve(Allocator& allocator, SolverAnswer answer, const Task& task) {
  const JobControl control{{}, task.stop};
  const auto report = [&](const SolverAnswer& better) {
    post(task.generation, [this, better] { emit answered(better); });
  };
  AllocationRequest request = task.request;
  if (answer.plan ? answer.plan->solver.gap > final_gap : !is_infeasible(answer)) {
    request.gap = final_gap;
    request.time_limit = final_seconds;
    answer = solve(allocator, request, control);
    report(answer);
  }
  if (allocator.problem().latency) {
    answer.latency_range = allocator.latency_range(control);
    report(answer);
  }
  if (!answer.plan) return;
  price_budgets(allocator, answer, control);
  report(answer);
}

} // namespace intarsia::ui
