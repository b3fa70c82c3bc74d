// SPDX-License-Identifier: GPL-3.0-or-later
// The allocator on a thread of its own (GLPK's environment belongs to a thread). The newest request wins:
// requests that come while one is being solved replace each other. Each is answered twice: at once within the
// gap and time that it asks for, and proven more closely when no newer one comes.
#pragma once

#include <QObject>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "core/allocation/frontier.h"

namespace intarsia::ui {

struct SolverAnswer {
  std::optional<Plan> plan;
  std::optional<Plan> single_scheme; // the best with one quantizer for all, same budgets
  Allocator::Range memory_range = {};
  std::optional<Allocator::Range> latency_range; // with a latency table
  QString problem;                               // why there is no plan
};

class SolverThread : public QObject {
  Q_OBJECT
 public:
  explicit SolverThread(QObject* parent = nullptr);
  ~SolverThread() override;

  void set_problem(AllocationProblem problem); // builds a new GLPK problem before the next solve
  void request(const AllocationRequest& request);

 signals:
  void answered(const intarsia::ui::SolverAnswer& answer);
  // While nothing else is asked: the frontier of the present problem, as far as it is traced.
  void traced(const intarsia::Frontier& frontier);

 private:
  void loop(std::stop_token stop);
  void report(SolverAnswer answer);
  bool trace(Allocator& allocator, std::stop_token stop); // false: interrupted by a request
  SolverAnswer solve(Allocator& allocator, const AllocationRequest& request, std::stop_token stop) const;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::optional<AllocationProblem> next_problem_;
  std::optional<AllocationRequest> next_request_;
  std::stop_source present_; // of the solve in progress
  std::jthread thread_;      // last: it uses all the others
};

} // namespace intarsia::ui
