// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Which instances of the linear kernels models of 8B, 70B and 135M weights select: each stands in the table
// of resources/help/gpu-testing.md, beside the test that runs it, and has room on every card. A trellis
// kernel's instances differ by rate and by columns of the product; their ways through it, by slices and
// chunks.
#include <cxxabi.h>
#include <map>
#include <set>

#include "core/base/mapped_file.h"
#include "core/model/layer_graph.h"
#include "cuda/launch/linear_plan.h"
#include "cuda/launch/trellis_plan.h"
#include "cuda/profile/profile_groups.h"
#include "tests/support/model_shapes.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::test;
using cuda::KernelPath;

namespace {

struct Model {
  const char* name;
  std::size_t hidden, intermediate, heads, kv_heads, head_dim, vocabulary;
};
constexpr Model models[] = {{"8B", 4096, 14336, 32, 8, 128, 128256},
                            {"70B", 8192, 28672, 64, 8, 128, 128256},
                            {"135M", 576, 1536, 9, 3, 64, 49152}};
// Of a Jetson Orin Nano, an RTX 3060, an A100, an H100, an RTX 5090.
constexpr int multiprocessors[] = {8, 28, 108, 132, 170};

ModelConfig config_of(const Model& model) {
  return test::config_of({model.hidden, model.intermediate, 1, model.heads, model.kv_heads, model.head_dim,
                          model.vocabulary, 8192});
}

template <typename T>
std::string type_name() {
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(typeid(T).name(), nullptr, nullptr, nullptr), std::free);
  const std::string name = text.get();
  return name.substr(name.rfind("::") == std::string::npos ? 0 : name.rfind("::") + 2);
}

// Instance: the models that select it.
using Selected = std::map<std::string, std::set<std::string>>;

void select(QuantizerId id, KernelPath path, int batch, const cuda::ProfileGroup& shape, int count,
            const std::string& model, Selected& selected) {
  std::vector<cuda::DeviceLinear> group;
  for (const std::size_t d_out : shape.d_outs)
    group.push_back({id, int(d_out), int(shape.d_in), nullptr, nullptr, nullptr});
  const std::vector<cuda::LinearOutput> outputs(group.size());
  const int high = cuda::choose_height(group, path, count);
  auto launch = cuda::plan_group(group, nullptr, batch, outputs, high);
  if (id.family == QuantizerFamily::f16) {
    selected["f16_linear_group<" + std::to_string(batch <= 8 ? 1 : 2) + ">"].insert(model);
    return;
  }
  cuda::with_linear_kernel(id, path, batch, high, [&]<typename Decoder, int height, typename Product>() {
    cuda::choose_threads<Decoder, height, Product>(launch);
    const int rate = id.quarter_bits;
    const std::size_t shared = kernels::linear_shared_bytes<Decoder, height, Product>(rate, launch.threads);
    QVERIFY2(shared <= simt::shared_memory_limit, (to_string(id) + " on " + model).c_str());
    selected["linear_group<" + type_name<Decoder>() + ", " + std::to_string(height) + ", " +
             type_name<Product>() + ">"]
        .insert(model);
  });
}

// A trellis kernel's instances by what they have in common, and the rates that they are selected for.
using Rates = std::map<std::string, std::set<int>>;

void select_trellis(QuantizerId id, int batch, const cuda::ProfileGroup& shape, int count,
                    const std::string& model, Selected& selected, Rates& rates) {
  std::vector<cuda::DeviceLinear> group;
  for (const std::size_t d_out : shape.d_outs)
    group.push_back({id, int(d_out), int(shape.d_in), nullptr, nullptr, nullptr});
  const std::vector<cuda::LinearOutput> outputs(group.size());
  cuda::Int8Rows x{};
  x.steps = cuda::int8_steps(shape.d_in);
  x.terms = cuda::int8_terms;
  for (const cuda::TrellisLaunch& launch : cuda::plan_trellis(group, x, batch, outputs, {}, count)) {
    QVERIFY2(launch.shared_bytes <= simt::shared_memory_limit, (to_string(id) + " on " + model).c_str());
    QVERIFY(launch.group.slices == 1 || launch.panels <= unsigned(cuda::max_split_panels));
    const std::string name =
        "trellis_group<6 to 20, " + std::to_string(launch.eights) + ">`, " +
        (launch.group.slices > 1 ? "slices that meet, " : "one slice, ") +
        (launch.group.slice_steps > launch.group.chunk_steps ? "several chunks" : "one chunk");
    selected[name].insert(model);
    rates[name].insert(launch.quarters);
  }
}

Selected selected_by_all(Rates& rates) {
  Selected selected;
  for (const Model& model : models) {
    const auto shapes = cuda::profile_groups(build_layer_graph(config_of(model)));
    for (const cuda::ProfileGroup& shape : shapes)
      for (const Quantizer* member : palette()) {
        const QuantizerId id = member->id();
        if (cuda::is_trellis(id)) {
          for (const int batch : {1, 8, 16})
            for (const int count : multiprocessors)
              select_trellis(id, batch, shape, count, model.name, selected, rates);
          continue;
        }
        for (const KernelPath path : {KernelPath::tensor_core, KernelPath::cuda_core})
          for (const int batch : {1, 8, 16})
            for (const int count : multiprocessors)
              if (cuda::supports(id, path, batch))
                select(id, path, batch, shape, count, model.name, selected);
      }
  }
  return selected;
}

} // namespace

class TestRealShapes : public QObject {
  Q_OBJECT
 private slots:
  void each_selected_instance_stands_in_the_table() {
    const std::string table = read_text_file(resources_folder() / "help/gpu-testing.md");
    Rates rates;
    const Selected selected = selected_by_all(rates);
    QVERIFY(selected.size() > 10);
    std::string missing;
    for (const auto& [instance, by] : selected) {
      std::string who;
      for (const std::string& model : by) who += (who.empty() ? "" : ", ") + model;
      const std::string row = "| `" + instance + (rates.contains(instance) ? "" : "`") + " | " + who + " |";
      missing += table.find(row) == std::string::npos ? row + "\n" : "";
    }
    QVERIFY2(missing.empty(), missing.c_str());
  }

  void trellis_kernels_are_selected_at_every_rate() {
    Rates rates;
    selected_by_all(rates);
    QVERIFY(!rates.empty());
    for (const auto& [instance, quarters] : rates) {
      QVERIFY2(quarters.size() == trellis::max_quarters - trellis::min_quarters + 1, instance.c_str());
      QVERIFY(*quarters.begin() == int(trellis::min_quarters) &&
              *quarters.rbegin() == int(trellis::max_quarters));
    }
  }

  void the_table_has_no_other() {
    const std::string table = read_text_file(resources_folder() / "help/gpu-testing.md");
    Rates rates;
    const Selected selected = selected_by_all(rates);
    for (const char* kind : {"| `linear_group<", "| `f16_linear_group<", "| `trellis_group<"})
      for (std::size_t at = table.find(kind); at != std::string::npos; at = table.find(kind, at + 1)) {
        const std::size_t begin = at + 3, cell = table.find(" |", begin);
        const std::size_t end = table[cell - 1] == '`' ? cell - 1 : cell;
        const std::string instance = table.substr(begin, end - begin);
        QVERIFY2(selected.contains(instance), instance.c_str());
      }
  }
};

QTEST_APPLESS_MAIN(TestRealShapes)
#include "test_real_shapes.moc"
