// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/launch/launch_groups.h"
#include "tests/support/model_shapes.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::cuda;

namespace {

LayerGraph graph_of(std::size_t blocks) {
  return build_layer_graph(test::config_of({64, 128, blocks, 4, 2, 16, 100}));
}

bool always(std::size_t, std::size_t) { return true; }

} // namespace

class TestLaunchGroups : public QObject {
  Q_OBJECT
 private slots:
  void without_a_plan_all_that_can_is_fused() {
    const std::vector<LaunchBundle> expected{{{0, 1, 2}}, {{3}},  {{4, 5}},   {{6}},
                                             {{7, 8, 9}}, {{10}}, {{11, 12}}, {{13}}};
    QVERIFY(launch_bundles(graph_of(2), {}, always) == expected);
  }

  void unlike_linears_are_not() {
    const auto alike = [](std::size_t a, std::size_t b) { return a != 1 && b != 1; };
    const std::vector<LaunchBundle> expected{{{0, 2}, {1}}, {{3}}, {{4, 5}}, {{6}}};
    QVERIFY(launch_bundles(graph_of(1), {}, alike) == expected);
  }

  void a_plan_decides() {
    const std::string prefix = "model.layers.0.";
    const std::vector<std::vector<std::string>> fusions{
        {prefix + "self_attn.k_proj", prefix + "self_attn.v_proj"}};
    const std::vector<LaunchBundle> expected{{{0}, {1, 2}}, {{3}}, {{4}, {5}}, {{6}}};
    QVERIFY(launch_bundles(graph_of(1), fusions, always) == expected);
    // A fused linear that became another is left alone.
    const auto alike = [](std::size_t, std::size_t b) { return b != 2; };
    const std::vector<LaunchBundle> apart{{{0}, {1}, {2}}, {{3}}, {{4}, {5}}, {{6}}};
    QVERIFY(launch_bundles(graph_of(1), fusions, alike) == apart);
  }

  void kernels() {
    const auto path = [](const char* id, const char* planned, int batch) {
      return kernel_path_name(kernel_for(parse_quantizer_id(id), planned, batch));
    };
    QCOMPARE(path("nuq-4", "", 1), "tensor-core");
    QCOMPARE(path("nuq-4", "cuda-core", 1), "cuda-core");
    QCOMPARE(path("nuq-4", "tensor-core", 1), "tensor-core");
    QCOMPARE(path("nuq-4", "cuda-core", 16), "tensor-core");
    QCOMPARE(path("vq-2.5", "cuda-core", 2), "cuda-core");
    QCOMPARE(path("vq-2.5", "cpu", 2), "tensor-core");
    QCOMPARE(path("tcq-3.25", "cuda-core", 1), "tensor-core"); // there is no other
    QCOMPARE(path("f16", "", 1), "tensor-core");
  }
};

QTEST_APPLESS_MAIN(TestLaunchGroups)
#include "test_launch_groups.moc"
