// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The allocator on a thread of its own (GLPK's environment belongs to a thread). The newest request wins:
// requests that come while one is being solved replace each other. Each is answered several times: at once
// within the gap and time that it asks for, whether or not a newer one has come, for a slider that is dragged
// would otherwise never be answered where a solve takes longer than the hand; then, as long as no newer one
// comes, the frontier is traced, where it isn't there, the answer is proven more closely, and what takes
// solves of its own is added (the range of latencies, what more of a budget would buy).
#pragma once

#include <QObject>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "core/allocation/frontier.h"

namespace intarsia::ui {

// What more of a budget would buy, found by solving again.
struct MoreBudget {
  double amount = 0; // bytes, or seconds
  double loss = 0;   // of the plan with so much more
};

struct SolverAnswer {
  AllocationRequest request; // that is answered
  std::optional<Plan> plan;
  std::optional<Plan> single_scheme; // the best with one quantizer for all, same budgets
  Allocator::Range memory_range = {};
  Allocator::MemoryScale memory_scale = {};
  std::optional<Allocator::Range> latency_range;    // with a latency table
  std::optional<MoreBudget> more_memory, more_time; // once they are known, of the budgets that are set
  QString problem;                                  // why there is no plan
  std::optional<MemoryBudget> nearest_memory;       // then: what could be met, each beside the other budget
  std::optional<double> nearest_seconds;
};

class SolverThread : public QObject {
  Q_OBJECT
 public:
  explicit SolverThread(QObject* parent = nullptr);
  ~SolverThread() override;

  // Nothing of the problem before is answered after this.
  void set_problem(AllocationProblem problem); // builds a new GLPK problem before the next solve
  void request(const AllocationRequest& request);
  void clear(); // no problem: nothing more is answered

 signals:
  void answered(const intarsia::ui::SolverAnswer& answer);
  // While nothing else is asked: the frontier of the present problem, as far as it is traced.
  void traced(const intarsia::Frontier& frontier);

 private:
  struct Task {
    std::optional<AllocationProblem> problem;
    AllocationRequest request;
    std::stop_token stop_problem; // the problem is another
    std::stop_token stop;         // that, or a newer request
    std::uint64_t generation;
  };
  std::optional<Task> next_task(std::stop_token stop);
  void loop(std::stop_token stop);
  void improve(Allocator& allocator, SolverAnswer answer, const Task& task);
  void post(std::uint64_t generation, std::function<void()> call);

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::optional<AllocationProblem> next_problem_;
  std::optional<AllocationRequest> next_request_;
  std::stop_source present_problem_, present_; // of the task in progress
  std::uint64_t generation_ = 0; // of the problem; written by the GUI thread, which filters by it
  std::jthread thread_;          // last: it uses all the others
};

} // namespace intarsia::ui
