// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Sensitivities before anything was measured, against models that were: those they are fitted to, and one
// that the fit has not seen.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/allocation/allocator.h"
#include "core/base/json.h"
#include "core/checkpoint/checkpoint.h"
#include "core/jobs/result_cache.h"
#include "core/sensitivity/provisional_sensitivity.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) result[order[i]] = double(i);
  return result;
}

// Spearman's, over the blocks' linears.
double rank_correlation(const LayerGraph& graph, const Sensitivity& a, const Sensitivity& b) {
  std::vector<double> x, y;
  for (const LinearLayer& layer : graph.linears) {
    x.push_back(a.layers.at(layer.name));
    y.push_back(b.layers.at(layer.name));
  }
  x = ranks(x);
  y = ranks(y);
  const double mean = double(x.size() - 1) / 2;
  double xy = 0, xx = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
  }
  return xy / xx;
}

} // namespace

class TestProvisionalSensitivity : public QObject {
  Q_OBJECT

  static double correlation(const std::filesystem::path& model, const Sensitivity& measured) {
    const auto checkpoint = open_checkpoint(model);
    return rank_correlation(checkpoint->graph(),
                            provisional_sensitivity(checkpoint->config(), checkpoint->graph()), measured);
  }

 private slots:
  void ranks_the_layers_of_the_models_it_was_fitted_to() {
    INTARSIA_NEED_SHARED("reference/llama-3.1-8b");
    const auto llama = test::shared_folder() / "reference/llama-3.1-8b";
    QVERIFY(correlation(llama / "config.json", read_sensitivity(llama / "sensitivity.json")) > 0.8);
    INTARSIA_NEED_SHARED("models/smollm2-135m-instruct");
    QVERIFY(correlation(test::shared_folder() / "models/smollm2-135m-instruct/config.json",
                        read_sensitivity(test::tests_folder() /
                                         "golden/allocation/smollm2-135m-sensitivity.json")) > 0.8);
  }

  void ranks_those_of_a_model_it_has_not_seen_better_than_chance() {
    const auto folder = test::resources_folder() / "demo-model";
    const auto measured = SensitivityCache(*open_checkpoint(folder), {}, {}).find();
    QVERIFY2(measured.has_value(),
             "the built-in model's sensitivities are of another version of the estimator");
    QVERIFY(correlation(folder, *measured) > 0.35);
  }

  void the_built_in_model_brings_its_own() {
    QTemporaryDir cache; // empty
    qputenv("XDG_CACHE_HOME", cache.path().toUtf8());
    const auto model = open_checkpoint(test::resources_folder() / "demo-model");
    const auto own = SensitivityCache(*model, {}, {}).find();
    QVERIFY(own.has_value());
    QCOMPARE(own->samples, SensitivityOptions().samples);
    for (const LinearLayer* layer : model->graph().all_layers()) QVERIFY(own->layers.contains(layer->name));
  }

  void a_plan_can_be_made_of_them() {
    const auto checkpoint = open_checkpoint(test::tests_folder() / "golden/runtime/tied");
    AllocationProblem problem;
    problem.config = checkpoint->config();
    problem.graph = checkpoint->graph();
    problem.sensitivity = provisional_sensitivity(problem.config, problem.graph);
    QCOMPARE(problem.sensitivity.method, std::string(provisional_method));
    QVERIFY(problem.sensitivity.layers.contains(problem.graph.embedding.name));
    for (const auto& [name, value] : problem.sensitivity.layers) QVERIFY(std::isfinite(value) && value > 0);
    Allocator allocator(problem);
    AllocationRequest request;
    request.context = 16;
    request.memory = BitsPerWeight{4};
    QVERIFY(allocator.solve(request, {}).predicted.bits_per_weight <= 4);
  }

  void the_experts_of_a_block_weigh_what_a_plain_mlp_weighs() {
    const auto mixed = open_checkpoint(test::tests_folder() / "golden/families/qwen3-moe-mixed");
    const ModelConfig& config = mixed->config();
    QVERIFY(config.experts > 1);
    ModelConfig plain = config;
    plain.dense_blocks.assign(config.blocks, true);
    const auto sums = [](const ModelConfig& of, const LayerGraph& graph) {
      std::map<std::pair<std::size_t, LinearRole>, double> result;
      const Sensitivity sensitivity = provisional_sensitivity(of, graph);
      for (const LinearLayer& layer : graph.linears)
        result[{layer.block, layer.role}] += sensitivity.layers.at(layer.name);
      return result;
    };
    const auto of_plain = sums(plain, build_layer_graph(plain));
    bool experts = false;
    for (const auto& [block_and_role, sum] : sums(config, mixed->graph())) {
      QVERIFY(std::abs(sum / of_plain.at(block_and_role) - 1) < 1e-12);
      experts = experts || config.has_experts(block_and_role.first);
    }
    QVERIFY(experts);
  }

  void quick_planning_marks_its_plan() {
    QTemporaryDir dir;
    const QString out = dir.filePath("plan.json");
    const QString model = QString::fromStdString((test::tests_folder() / "golden/runtime/tied").string());
    const auto quick = test::run_cli({"allocate", model, "--memory", "4bpw", "--quick", "-o", out});
    QCOMPARE(quick.exit_code, 0);
    QVERIFY(quick.out.find("provisional") != std::string::npos);
    QFile file(out);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const Json json = Json::parse(file.readAll().toStdString());
    QVERIFY(json.at("predicted").at("provisional").get<bool>());
    const auto both =
        test::run_cli({"allocate", model, "--memory", "4bpw", "--quick", "--sensitivity", "x.json"});
    QCOMPARE(both.exit_code, 2);
  }
};

QTEST_GUILESS_MAIN(TestProvisionalSensitivity)
#include "test_provisional_sensitivity.moc"
