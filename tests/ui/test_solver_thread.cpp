// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Which answers of the solver's thread are heard: those of the newest request, and none of a problem before.
#include <QSignalSpy>

#include "core/checkpoint/checkpoint.h"
#include "core/sensitivity/provisional_sensitivity.h"
#include "tests/support/test_support.h"
#include "ui/session/solver_thread.h"

using namespace intarsia;
using namespace intarsia::ui;

namespace {

constexpr int timeout = 120000; // ms; a slow machine needs longer, no result depends on it

AllocationRequest at_bits(double bits) {
  AllocationRequest request;
  request.memory = BitsPerWeight{bits};
  return request;
}
double bits_of(const SolverAnswer& answer) { return std::get<BitsPerWeight>(*answer.request.memory).bits; }

} // namespace

class TestSolverThread : public QObject {
  Q_OBJECT

  std::unique_ptr<Checkpoint> checkpoint_ = open_checkpoint(test::tests_folder() / "golden/runtime/gqa");
  std::vector<SolverAnswer> heard_;

  AllocationProblem problem(const std::string& name) const {
    AllocationProblem problem;
    problem.config = checkpoint_->config();
    problem.config.name = name;
    problem.graph = checkpoint_->graph();
    problem.sensitivity = provisional_sensitivity(problem.config, problem.graph);
    return problem;
  }
  std::unique_ptr<SolverThread> solver() {
    heard_.clear();
    auto made = std::make_unique<SolverThread>();
    connect(made.get(), &SolverThread::answered, this,
            [this](const SolverAnswer& answer) { heard_.push_back(answer); });
    return made;
  }
  // Everything about the request has been said: what more memory would buy comes last.
  bool answered_in_full(double bits) const {
    return !heard_.empty() && bits_of(heard_.back()) == bits && heard_.back().more_memory;
  }

 private slots:
  void the_newest_request_wins() {
    const auto thread = solver();
    thread->set_problem(problem("one"));
    for (int i = 0; i <= 60; ++i) thread->request(at_bits(3 + i / 20.)); // as a dragged slider asks
    QTRY_VERIFY_WITH_TIMEOUT(answered_in_full(6), timeout);
    // What was asked before may have been answered, but never after what was asked later.
    QVERIFY(std::is_sorted(heard_.begin(), heard_.end(), [](const SolverAnswer& a, const SolverAnswer& b) {
      return bits_of(a) < bits_of(b);
    }));
    for (const SolverAnswer& answer : heard_) QVERIFY(answer.plan.has_value());
  }

  void a_newer_request_ends_the_proof_of_the_one_before() {
    const auto thread = solver();
    thread->set_problem(problem("one"));
    thread->request(at_bits(3));
    QTRY_VERIFY_WITH_TIMEOUT(!heard_.empty(), timeout); // the first, quick answer
    thread->request(at_bits(4));
    QTRY_VERIFY_WITH_TIMEOUT(answered_in_full(4), timeout);
    heard_.clear();
    thread->request(at_bits(3)); // and back
    QTRY_VERIFY_WITH_TIMEOUT(answered_in_full(3), timeout);
    for (const SolverAnswer& answer : heard_) QCOMPARE(bits_of(answer), 3.0);
  }

  void nothing_of_the_problem_before_is_heard() {
    const auto thread = solver();
    thread->set_problem(problem("one"));
    for (const double bits : {3, 4, 5}) thread->request(at_bits(bits));
    thread->set_problem(problem("two")); // before any event: whatever was said of the first stands in line
    thread->request(at_bits(2));
    QTRY_VERIFY_WITH_TIMEOUT(answered_in_full(2),
                             timeout); // of one thread, the first's would have come before
    for (const SolverAnswer& answer : heard_) QCOMPARE(answer.plan->model, std::string("two"));
  }

  void without_a_problem_nothing_is_heard() {
    const auto thread = solver();
    thread->set_problem(problem("one"));
    thread->request(at_bits(3));
    thread->clear();
    thread->set_problem(problem("two"));
    thread->request(at_bits(2));
    QTRY_VERIFY_WITH_TIMEOUT(answered_in_full(2), timeout);
    for (const SolverAnswer& answer : heard_) QCOMPARE(bits_of(answer), 2.0);
  }

  void an_impossible_request_is_answered_by_what_is_possible() {
    const auto thread = solver();
    thread->set_problem(problem("one"));
    thread->request(at_bits(0.5));
    QTRY_VERIFY_WITH_TIMEOUT(!heard_.empty(), timeout);
    QVERIFY(!heard_[0].plan && !heard_[0].problem.isEmpty());
    QVERIFY(heard_[0].nearest_memory.has_value());
  }
};

QTEST_GUILESS_MAIN(TestSolverThread)
#include "test_solver_thread.moc"
