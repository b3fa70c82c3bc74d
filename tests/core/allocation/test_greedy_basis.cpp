// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The greedy optimum of the linear program against the simplex's.
#include <cmath>
#include <limits>

#include "core/allocation/allocator.h"
#include "core/allocation/glpk_problem.h"
#include "core/allocation/greedy_basis.h"
#include "core/base/random.h"
#include "tests/support/model_shapes.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();

AllocationProblem random_problem(std::size_t blocks, std::uint64_t seed) {
  Random random(seed);
  AllocationProblem problem;
  problem.config = test::config_of({32, 48, blocks, 4, 2, 8, 64, 128});
  problem.config.architecture = "llama";
  problem.config.name = "small";
  problem.config.tied_embeddings = true;
  problem.graph = build_layer_graph(problem.config);
  for (const LinearLayer* layer : problem.graph.all_layers()) {
    // Several alike, as the experts of a block are before they are measured.
    const double sensitivity = std::exp(2 * double(random.normal()));
    problem.sensitivity.layers[layer->name] = random.below(3) == 0 ? 1.0 : sensitivity;
  }
  return problem;
}

double total(const ChoiceTable& table, const GreedyBasis& basis, double Choice::*what) {
  double sum = 0;
  for (const std::size_t i : basis.choice_of) sum += table.choices[i].*what;
  if (!basis.second) return sum;
  const std::size_t linear = table.groups[table.choices[*basis.second].group].members[0];
  return sum +
         basis.part * (table.choices[*basis.second].*what - table.choices[basis.choice_of[linear]].*what);
}

} // namespace

class TestGreedyBasis : public QObject {
  Q_OBJECT

 private slots:
  void it_is_the_linear_programs_optimum() {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const AllocationProblem problem = random_problem(3, seed);
      const ChoiceTable table = build_choices(problem);
      GlpkProblem simplex(table, table.layers.size());
      const auto least = greedy_basis(table, &Choice::bytes, &Choice::bytes, unlimited);
      const auto best = greedy_basis(table, &Choice::loss, &Choice::bytes, unlimited);
      QVERIFY(least && best && !best->second);
      const double low = total(table, *least, &Choice::bytes), high = total(table, *best, &Choice::bytes);
      QVERIFY(!greedy_basis(table, &Choice::loss, &Choice::bytes, 0.999 * low));
      for (const double part : {0.0, 0.1, 0.37, 0.8, 1.1}) {
        const double limit = low + part * (high - low);
        const auto greedy = greedy_basis(table, &Choice::loss, &Choice::bytes, limit);
        QVERIFY(greedy);
        QVERIFY(total(table, *greedy, &Choice::bytes) <= limit * (1 + 1e-12));
        const auto relaxed = simplex.solve(Objective::loss, {limit, {}, {}}, {0.99, 60}, {});
        QVERIFY(relaxed);
        const double loss = total(table, *greedy, &Choice::loss);
        QVERIFY2(
            std::abs(loss - relaxed->bound) <= 1e-6 * loss,
            qPrintable(
                QString("seed %1, part %2: %3 and %4").arg(seed).arg(part).arg(loss).arg(relaxed->bound)));
      }
    }
  }

  // So many linears that the simplex starts there.
  void thousands_of_linears_are_planned() {
    const AllocationProblem problem = random_problem(300, 7);
    const ChoiceTable table = build_choices(problem);
    QVERIFY(table.layers.size() > 2000);
    Allocator allocator(problem);
    const Allocator::Range range = allocator.memory_range(64);
    for (const double part : {0.05, 0.4, 0.9}) {
      AllocationRequest request;
      request.context = 64;
      request.gap = 1e-3;
      request.memory = MemoryBytes{std::uint64_t(range.low + part * (range.high - range.low))};
      const Plan plan = allocator.solve(request, {});
      QVERIFY(plan.solver.proven && plan.solver.gap <= 1e-3);
      QVERIFY(plan.predicted.memory_bytes <= std::get<MemoryBytes>(*request.memory).bytes);
    }
    for (const double bits : {2.5, 4.0}) {
      AllocationRequest request;
      request.context = 64;
      request.gap = 1e-3;
      request.memory = BitsPerWeight{bits};
      const Plan plan = allocator.solve(request, {});
      QVERIFY(plan.solver.proven && plan.predicted.bits_per_weight <= bits + 1e-9);
      const auto greedy =
          greedy_basis(table, &Choice::loss, &Choice::code_bits, bits * table.weights * (1 + 1e-9));
      QVERIFY(std::abs(plan.solver.bound - total(table, *greedy, &Choice::loss)) <= 1e-5 * plan.solver.bound);
    }
    QVERIFY(test::error_of([&] {
              AllocationRequest request;
              request.context = 64;
              request.memory = BitsPerWeight{1};
              allocator.solve(request, {});
            }).find("the smallest plan needs") != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(TestGreedyBasis)
#include "test_greedy_basis.moc"
