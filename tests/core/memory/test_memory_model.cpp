// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a model takes, by the backend that runs it.
#include "core/memory/memory_model.h"

#include "core/allocation/allocator.h"
#include "core/allocation/plan_memory.h"
#include "core/base/error.h"
#include "core/memory/cuda/memory_plan.h"
#include "core/sensitivity/provisional_sensitivity.h"
#include "tests/support/model_shapes.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

constexpr std::uint64_t backend_bytes = std::uint64_t(450) << 20;

ModelConfig small(bool tied) {
  ModelConfig config = test::config_of({192, 500, 3, 6, 2, 32, 1000, 4096}); // 500: no multiple of 64
  config.qkv_bias = true;
  config.tied_embeddings = tied;
  return config;
}

// A quantizer for each layer by its place in the graph.
QuantizerOf mixed(const LayerGraph& graph, const std::set<std::string>& planned) {
  std::map<std::string, QuantizerId> chosen;
  std::size_t next = 0;
  for (const LinearLayer* layer : graph.all_layers())
    if (!in_vocabulary(*layer) || planned.contains(layer->name))
      chosen[layer->name] = palette()[next++ * 7 % palette().size()]->id();
  return [chosen](const LinearLayer& layer) {
    const auto found = chosen.find(layer.name);
    return found == chosen.end() ? QuantizerId{} : found->second;
  };
}

std::uint64_t sum_of_layers(const MemoryModel& memory, const LayerGraph& graph,
                            const std::set<std::string>& planned, const QuantizerOf& quantizer_of) {
  std::uint64_t bytes = 0;
  for (const LinearLayer* layer : graph.all_layers())
    if (!in_vocabulary(*layer) || planned.contains(layer->name))
      bytes += memory.layer_bytes(*layer, quantizer_of(*layer));
  return bytes;
}

} // namespace

class TestMemoryModel : public QObject {
  Q_OBJECT

 private slots:
  void on_the_cpu_the_parts_are_the_whole() {
    for (const bool tied : {true, false}) {
      const ModelConfig config = small(tied);
      const LayerGraph graph = build_layer_graph(config);
      for (const std::set<std::string>& planned : {std::set<std::string>{}, {graph.embedding.name}})
        for (const KvPrecision kv_cache : {KvPrecision::f16, KvPrecision::q8}) {
          const ModelInMemory model{config, graph, 300, kv_cache};
          const auto quantizers = mixed(graph, planned);
          QCOMPARE(cpu_memory()->predict_fixed(model, planned).total() +
                       sum_of_layers(*cpu_memory(), graph, planned, quantizers),
                   cpu_memory()->predict(model, quantizers).total());
        }
    }
  }

  // A plan within a budget by the parts is within it by what the backend allocates, and little is left over.
  void on_a_gpu_the_parts_are_the_whole_but_for_rounding() {
    const auto memory = cuda_memory(backend_bytes);
    for (const bool tied : {true, false})
      for (const std::size_t context : {1, 300, 4096}) {
        const ModelConfig config = small(tied);
        const LayerGraph graph = build_layer_graph(config);
        for (const std::set<std::string>& planned : {std::set<std::string>{}, {graph.embedding.name}}) {
          const ModelInMemory model{config, graph, context};
          const auto quantizers = mixed(graph, planned);
          const std::uint64_t parts = memory->predict_fixed(model, planned).total() +
                                      sum_of_layers(*memory, graph, planned, quantizers);
          const std::uint64_t whole = memory->predict(model, quantizers).total();
          std::uint64_t codebooks = 0;
          for (const Quantizer* member : palette()) codebooks += member->codebook().size_bytes() + 256;
          QVERIFY2(parts >= whole, qPrintable(QString("%1 %2").arg(parts).arg(whole)));
          QVERIFY(parts - whole < codebooks + 256 * 4 * graph.all_layers().size());
        }
      }
  }

  void on_a_gpu_it_is_what_the_backend_allocates() {
    const ModelConfig config = small(true);
    const LayerGraph graph = build_layer_graph(config);
    const auto quantizers = mixed(graph, {graph.embedding.name});
    const ModelMemory memory = cuda_memory(backend_bytes)->predict({config, graph, 700}, quantizers);
    const auto plan = cuda::device_memory_plan(config, graph, quantizers, 700);
    QCOMPARE(memory.total(), plan.total() + backend_bytes);
    QCOMPARE(memory.program, backend_bytes);
    QCOMPARE(memory.kv_cache, plan.bytes(cuda::MemoryUse::kv_cache));
  }

  void a_gpu_holds_no_quantized_cache() {
    const ModelConfig config = small(true);
    const LayerGraph graph = build_layer_graph(config);
    const std::string sentence = test::error_of([&] {
      cuda_memory(0)->predict_fixed({config, graph, 10, KvPrecision::q8}, {});
    });
    QVERIFY2(sentence.find("--kv-cache") != std::string::npos, sentence.c_str());
  }

  void a_device_has_its_backends() {
    Device device;
    QVERIFY(memory_of(device)->device_kind() == DeviceKind::cpu);
    device.kind = DeviceKind::cuda;
    device.backend_bytes = backend_bytes;
    const ModelConfig config = small(true);
    const LayerGraph graph = build_layer_graph(config);
    QVERIFY(memory_of(device)->device_kind() == DeviceKind::cuda);
    QCOMPARE(memory_of(device)->predict_fixed({config, graph, 10}, {}).program, backend_bytes);
    LatencyTable table;
    table.device_kind = "cuda";
    QVERIFY(memory_of(table)->device_kind() == DeviceKind::cuda);
  }

  // The allocator's memory is that of the device, to the byte, and never more than the budget.
  void a_plan_is_solved_with_the_devices_memory() {
    AllocationProblem problem;
    problem.config = small(false);
    problem.graph = build_layer_graph(problem.config);
    problem.sensitivity = provisional_sensitivity(problem.config, problem.graph);
    problem.memory = cuda_memory(backend_bytes);
    Allocator allocator(problem);
    const auto range = allocator.memory_range(512);
    QVERIFY(range.low > double(backend_bytes));
    for (const double part : {0.1, 0.5, 0.9}) {
      AllocationRequest request;
      request.context = 512;
      const auto budget = std::uint64_t(range.low + part * (range.high - range.low));
      request.memory = MemoryBytes{budget};
      const Plan plan = allocator.solve(request, {});
      QCOMPARE(plan.predicted.memory_bytes,
               plan_memory(*problem.memory, problem.config, problem.graph, plan, 512).total());
      QVERIFY(plan.predicted.memory_bytes <= budget);
      QVERIFY(plan.predicted.memory_bytes !=
              plan_memory(*cpu_memory(), problem.config, problem.graph, plan, 512).total());
    }
  }
};

QTEST_APPLESS_MAIN(TestMemoryModel)
#include "test_memory_model.moc"
