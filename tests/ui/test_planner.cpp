// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Inputs, undo and answers of the planner, with a tiny model and made-up sensitivities.
#include <QSignalSpy>
#include <QThread>
#include <algorithm>

#include "core/checkpoint/checkpoint.h"
#include "core/device/device_profile.h"
#include "core/sensitivity/provisional_sensitivity.h"
#include "tests/support/test_support.h"
#include "ui/session/planner.h"

using namespace intarsia;
using namespace intarsia::ui;

namespace {

constexpr int timeout = 120000; // ms; a slow machine needs longer, no result depends on it

double bytes_of(const MemoryBudget& budget) { return double(std::get<MemoryBytes>(budget).bytes); }

} // namespace

class TestPlanner : public QObject {
  Q_OBJECT

  std::unique_ptr<Checkpoint> checkpoint_ = open_checkpoint(test::tests_folder() / "golden/runtime/gqa");
  std::unique_ptr<Planner> planner_;

  // The plan answers what is asked now.
  bool settled() const {
    const SolverAnswer& answer = planner_->answer();
    return answer.plan && answer.request.memory &&
           same_memory(*answer.request.memory, planner_->inputs().memory) &&
           answer.request.latency_seconds == planner_->inputs().latency_seconds && answer.more_memory;
  }
  const LayerGraph& graph() const { return checkpoint_->graph(); }

 private slots:
  void init() {
    planner_ = std::make_unique<Planner>();
    planner_->set_model(checkpoint_->config(), graph());
    planner_->set_sensitivity(provisional_sensitivity(checkpoint_->config(), graph()));
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
  }

  void a_model_begins_with_four_bits_worth_of_bytes() {
    QVERIFY(std::holds_alternative<MemoryBytes>(planner_->inputs().memory));
    const double bits = planner_->answer().memory_scale.bits(bytes_of(planner_->inputs().memory));
    QVERIFY(bits >= 4);
    QVERIFY2(bits < 4.7, qPrintable(QString::number(bits))); // the embedding is made smaller too
    QVERIFY(double(planner_->plan()->predicted.memory_bytes) <= bytes_of(planner_->inputs().memory));
    QVERIFY(!planner_->undo_stack().canUndo());
  }

  void the_memory_is_that_of_the_chosen_device() {
    constexpr std::uint64_t backend_bytes = std::uint64_t(500) << 20;
    const double before = bytes_of(planner_->inputs().memory);
    planner_->set_memory_model(cuda_memory(backend_bytes));
    QTRY_VERIFY_WITH_TIMEOUT(settled() && bytes_of(planner_->inputs().memory) > double(backend_bytes),
                             timeout); // begun again: nobody has chosen a budget
    QCOMPARE(planner_->memory().program, backend_bytes);
    QCOMPARE(planner_->memory().total(), planner_->plan()->predicted.memory_bytes);
    QVERIFY(planner_->answer().memory_range.low > double(backend_bytes));
    planner_->set_memory_model(cpu_memory());
    QTRY_VERIFY_WITH_TIMEOUT(settled() && bytes_of(planner_->inputs().memory) == before, timeout);
    const MemoryBytes chosen{std::uint64_t(before * 1.1)};
    planner_->set_memory(chosen);
    planner_->set_memory_model(cuda_memory(0));
    QTRY_VERIFY_WITH_TIMEOUT(!planner_->plan() || settled(), timeout);
    QVERIFY(same_memory(planner_->inputs().memory, chosen)); // that a person chose stays
  }

  void a_drag_is_one_step_and_undo_brings_the_solution_back() {
    const Plan before = *planner_->plan();
    const MemoryBudget budget = planner_->inputs().memory;
    const auto range = planner_->answer().memory_range;
    for (int i = 10; i >= 1; --i)
      planner_->set_memory(MemoryBytes{std::uint64_t(range.low + (range.high - range.low) * i / 20)},
                           Gesture::dragging);
    planner_->end_gesture();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    QVERIFY(planner_->plan()->predicted.memory_bytes < before.predicted.memory_bytes);
    QCOMPARE(planner_->undo_stack().count(), 1);
    const double dragged_to = planner_->plan()->predicted.loss;
    planner_->undo_stack().undo();
    QVERIFY(same_memory(planner_->inputs().memory, budget));
    QCOMPARE(planner_->plan()->predicted.loss, before.predicted.loss); // at once, without solving
    planner_->undo_stack().redo();
    QCOMPARE(planner_->plan()->predicted.loss, dragged_to);
    planner_->set_memory(BitsPerWeight{3}, Gesture::dragging); // another drag is another step
    QCOMPARE(planner_->undo_stack().count(), 2);
  }

  void pins_and_families_are_undone_too() {
    const std::string layer = graph().linears[3].name;
    const QuantizerId eight = parse_quantizer_id("nuq-8");
    planner_->pin({layer}, eight);
    QTRY_VERIFY_WITH_TIMEOUT(settled() && planner_->plan()->layers.at(layer).quantizer == eight, timeout);
    planner_->forbid({layer}, eight);
    QTRY_VERIFY_WITH_TIMEOUT(settled() && planner_->plan()->layers.at(layer).quantizer != eight, timeout);
    planner_->undo_stack().undo();
    QVERIFY(planner_->inputs().pins.at(layer) == eight && planner_->inputs().forbidden.empty());
    planner_->undo_stack().undo();
    QVERIFY(planner_->inputs().pins.empty());
    planner_->set_family(QuantizerFamily::vq, false);
    const auto without_vq = [this] { // the plan before has the same budget: it is not the one waited for
      const auto& layers = planner_->plan()->layers;
      return std::none_of(layers.begin(), layers.end(), [](const auto& each) {
        return each.second.quantizer.family == QuantizerFamily::vq;
      });
    };
    QTRY_VERIFY_WITH_TIMEOUT(settled() && without_vq(), timeout);
    planner_->undo_stack().undo();
    QVERIFY(planner_->inputs().families.contains(QuantizerFamily::vq));
  }

  void an_answer_on_its_way_does_not_undo_an_undo() {
    const MemoryBudget before = planner_->inputs().memory;
    planner_->set_memory(BitsPerWeight{2.5});
    QThread::msleep(500); // the solver answers, and nobody reads it yet
    planner_->undo_stack().undo();
    bool strayed = false;
    connect(planner_.get(), &Planner::plan_changed, this,
            [&] { strayed = strayed || !same_memory(*planner_->answer().request.memory, before); });
    QCoreApplication::processEvents();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    disconnect(planner_.get(), &Planner::plan_changed, this, nullptr);
    QVERIFY(!strayed);
  }

  void without_a_family_there_is_no_plan_but_a_sentence() {
    for (const QuantizerFamily family : std::set(planner_->inputs().families))
      planner_->set_family(family, false);
    QVERIFY(!planner_->plan());
    QVERIFY(planner_->answer().problem.contains("No family of quantizers is turned on"));
    QVERIFY(planner_->shown_plan() && planner_->shown_plan_is_old());
    planner_->set_family(QuantizerFamily::nuq, true);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    for (const auto& [name, planned] : planner_->plan()->layers)
      QVERIFY(planned.quantizer.family == QuantizerFamily::nuq ||
              planned.quantizer.family == QuantizerFamily::f16);
  }

  void the_nearest_budget_can_be_met() {
    planner_->set_memory(MemoryBytes{1000});
    QTRY_VERIFY_WITH_TIMEOUT(!planner_->answer().problem.isEmpty(), timeout);
    QVERIFY(!planner_->plan() && planner_->shown_plan_is_old());
    QVERIFY(planner_->answer().nearest_memory.has_value());
    planner_->use_nearest_memory();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    QVERIFY(planner_->answer().problem.isEmpty() && !planner_->shown_plan_is_old());
    planner_->set_memory(BitsPerWeight{0.5});
    QTRY_VERIFY_WITH_TIMEOUT(!planner_->plan() && planner_->answer().nearest_memory, timeout);
    QVERIFY(std::holds_alternative<BitsPerWeight>(*planner_->answer().nearest_memory));
    planner_->use_nearest_memory();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
  }

  void a_latency_budget_needs_a_table_and_goes_with_it() {
    planner_->set_latency(0.001);
    QVERIFY(!planner_->inputs().latency_seconds); // there is no table
    const auto folder = test::resources_folder() / "device-profiles";
    const auto profile = read_device_profile(folder / (device_profile_names(folder).front() + ".json"));
    planner_->set_latency_table(estimate_latency(profile, checkpoint_->config(), graph(), 32));
    QTRY_VERIFY_WITH_TIMEOUT(settled() && planner_->answer().latency_range, timeout);
    planner_->set_latency(1e-9);
    QTRY_VERIFY_WITH_TIMEOUT(!planner_->plan() && planner_->answer().nearest_seconds, timeout);
    planner_->use_nearest_latency();
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    QVERIFY(*planner_->plan()->predicted.latency_seconds <= *planner_->inputs().latency_seconds);
    planner_->set_latency_table({});
    QVERIFY(!planner_->inputs().latency_seconds);
  }

  void nothing_of_the_model_before_is_answered() {
    for (int i = 0; i < 3; ++i) planner_->set_memory(BitsPerWeight{3.0 + i});
    QSignalSpy answers(planner_.get(), &Planner::plan_changed),
        frontiers(planner_.get(), &Planner::frontier_changed);
    Plan made;
    made.model = "made before";
    for (const LinearLayer& layer : graph().linears)
      made.layers[layer.name] = {parse_quantizer_id("nuq-3"), "cpu"};
    planner_->set_planned_model(checkpoint_->config(), graph(), made);
    const auto said = answers.count() + frontiers.count();
    QVERIFY(planner_->fixed());
    QTest::qWait(100); // a late answer, if it got through, could come now (test_solver_thread is exact)
    QCOMPARE(answers.count() + frontiers.count(), said);
    QCOMPARE(planner_->plan()->model, std::string("made before"));
    planner_->set_memory(BitsPerWeight{2}); // it can only be looked at
    QVERIFY(!planner_->undo_stack().canUndo());
  }
};

QTEST_GUILESS_MAIN(TestPlanner)
#include "test_planner.moc"
