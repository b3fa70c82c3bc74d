// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Device memory as planned on the host.
#include <set>

#include "core/memory/cuda/memory_plan.h"
#include "core/memory/cuda/rotation_split.h"
#include "core/palette/quantized_linear.h"
#include "cuda/launch/linear_layout.h"
#include "tests/support/model_shapes.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::cuda;

namespace {

ModelConfig llama_8b() { return test::config_of(test::llama_8b); }

ModelConfig small() {
  ModelConfig config = test::config_of({60, 100, 3, 6, 2, 10, 77}); // 60: no multiple of 8 or 16
  config.qkv_bias = true;
  config.tied_embeddings = true;
  return config;
}

QuantizerOf all(const char* name) {
  const QuantizerId id = parse_quantizer_id(name);
  return [id](const LinearLayer& layer) { return in_vocabulary(layer) ? QuantizerId{} : id; };
}

DeviceMemoryPlan plan_of(const ModelConfig& config, const QuantizerOf& quantizers, std::size_t context) {
  return device_memory_plan(config, build_layer_graph(config), quantizers, context);
}

} // namespace

class TestMemoryPlan : public QObject {
  Q_OBJECT
 private slots:
  void parts_sum_to_the_total() {
    for (const ModelConfig& config : {llama_8b(), small()})
      for (const char* name : {"f16", "nuq-3", "vq-2.5", "tcq-3.25", "half-tcq-2.75"})
        for (const std::size_t context : {1, 100, 512, 8192}) {
          const DeviceMemoryPlan plan = plan_of(config, all(name), context);
          std::uint64_t sum = 0;
          for (int use = 0; use < memory_uses; ++use) sum += plan.bytes(MemoryUse(use));
          QCOMPARE(sum, plan.total());
        }
  }

  void a_token_costs_its_keys_and_values() {
    for (const ModelConfig& config : {llama_8b(), small()}) {
      const std::uint64_t each = 2 * 2 * config.blocks * config.kv_dim();
      QCOMPARE(kv_bytes_a_token(config), each);
      std::uint64_t before = plan_of(config, all("tcq-3.25"), 512).total();
      for (const std::size_t context : {513, 640, 641, 4096, 30000}) {
        const DeviceMemoryPlan plan = plan_of(config, all("tcq-3.25"), context);
        QCOMPARE(plan.total() - before, each * (context - 512));
        QCOMPARE(plan.bytes(MemoryUse::kv_cache), each * context + plan.bytes(MemoryUse::kv_cache) % each);
      }
    }
  }

  void linears_are_as_their_codes() {
    const ModelConfig config = llama_8b();
    const LayerGraph graph = build_layer_graph(config);
    std::uint64_t codes = 0;
    for (const LinearLayer& layer : graph.linears)
      codes += quantized_linear_bytes(parse_quantizer_id("tcq-3.25"), {layer.d_out, layer.d_in});
    const DeviceMemoryPlan plan = plan_of(config, all("tcq-3.25"), 512);
    QVERIFY(plan.bytes(MemoryUse::linears) >= codes);
    QVERIFY(double(plan.bytes(MemoryUse::linears)) < 1.001 * double(codes));
    QCOMPARE(plan.bytes(MemoryUse::embeddings_and_head), std::uint64_t(2) * 2 * 128256 * 4096);
    QCOMPARE(plan.bytes(MemoryUse::workspace), (std::uint64_t(64) << 20) + linear_scratch_bytes());
  }

  void what_is_shared_is_counted_once() {
    const ModelConfig config = llama_8b();
    const DeviceMemoryPlan one = plan_of(config, all("tcq-3.25"), 512);
    QCOMPARE(one.bytes(MemoryUse::codebooks), std::uint64_t(0)); // a trellis has none
    QVERIFY(plan_of(config, all("nuq-4"), 512).weights.has("codebook nuq-4"));
    QVERIFY(!one.weights.has("no signs")); // only for an embedding in codes
    std::set<std::string> inputs;
    for (const LinearLayer& layer : build_layer_graph(config).linears) inputs.insert(signs_part(layer));
    QCOMPARE(inputs.size(), std::size_t(4 * 32));
    for (const std::string& part : inputs) QVERIFY(one.weights.has(part));
    const DeviceMemoryPlan dense = plan_of(config, all("f16"), 512);
    QCOMPARE(dense.bytes(MemoryUse::codebooks) + dense.bytes(MemoryUse::rotations), std::uint64_t(0));
    QCOMPARE(dense.workspace.part("decoded").bytes, std::uint64_t(0));
  }

  void parts_do_not_overlap() {
    ArenaPlan arena;
    arena.add("a", MemoryUse::linears, 100);
    arena.add("b", MemoryUse::buffers, 0);
    arena.add("c", MemoryUse::buffers, 1);
    QCOMPARE(arena.part("a").offset, std::uint64_t(0));
    QCOMPARE(arena.part("c").offset, std::uint64_t(256));
    QCOMPARE(arena.bytes(), std::uint64_t(257));
    QCOMPARE(arena.bytes(MemoryUse::linears) + arena.bytes(MemoryUse::buffers), arena.bytes());
    QVERIFY(!test::error_of([&] { arena.add("a", MemoryUse::linears, 1); }).empty());
    QVERIFY(test::error_of([&] { arena.part("d"); }).find("\"d\"") != std::string::npos);
  }

  void rotations_are_split() {
    for (const std::size_t d_in : {1, 60, 256, 4096, 14336, 12288, 11008, 3072}) {
      const Rotation rotation(d_in, 1);
      const RotationSplit split = split_rotation(rotation);
      QCOMPARE(split.blocks * split.order * split.power, d_in);
      QCOMPARE(split.order, rotation.order() * split.sylvester);
      QCOMPARE(split, split_rotation(d_in));
      QCOMPARE(4 * dense_signs(split, true).size(), dense_sign_bytes(split));
    }
    QCOMPARE(split_rotation(4096).order, std::size_t(16));
  }
};

QTEST_APPLESS_MAIN(TestMemoryPlan)
#include "test_memory_plan.moc"
