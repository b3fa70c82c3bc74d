// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The CUDA backend over a runtime played on the host, against the CPU backend.
#include <cmath>

#include "core/allocation/allocator.h"
#include "core/artifact/open_model.h"
#include "core/artifact/quantize_job.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/evaluation/evaluation.h"
#include "core/memory/cuda/memory_plan.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/generator.h"
#include "core/sensitivity/provisional_sensitivity.h"
#include "core/sensitivity/sensitivity.h"
#include "cuda/backend/device_use.h"
#include "cuda/backend/load_on_cuda.h"
#include "cuda/launch/linear_layout.h"
#include "cuda/profile/profile_groups.h"
#include "cuda/profile/profiler.h"
#include "cuda/selftest/selftest.h"
#include "tests/cuda/fake_cuda/fake_runtime.h"
#include "tests/support/model_shapes.h"
#include "tests/support/one_document.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {

double largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0, scale = 1e-6;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
    scale = std::max(scale, std::abs(double(b[i])));
  }
  return largest / scale;
}

constexpr double tolerance = 4e-3; // activations are rounded to binary16 here

// The reference: activations in f32.
CpuOptions exact_options(const OpenedModel& opened) {
  CpuOptions options = cpu_options(opened);
  options.activation_terms = 0;
  return options;
}

std::vector<int> some_tokens(std::size_t count, std::size_t vocabulary) {
  std::vector<int> tokens;
  for (std::size_t i = 0; i < count; ++i) tokens.push_back(int((i * i + 7 * i + 3) % vocabulary));
  return tokens;
}

} // namespace

class TestBackend : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

  // A quantized tiny model; embedding and head in codes where asked for.
  fs::path artifact(const char* name, const TinyModel& tiny, bool vocabulary) {
    write_tiny_model(path("checkpoint"), tiny);
    const auto checkpoint = open_checkpoint(path("checkpoint"));
    Plan plan = mixed_plan(checkpoint->graph());
    if (vocabulary)
      for (const LinearLayer* layer : checkpoint->graph().vocabulary_layers())
        plan.layers[layer->name] = {parse_quantizer_id("tcq-3.25"), "cpu"};
    quantize_model(*checkpoint, plan, path(name), {}, {});
    return path(name);
  }

  void verify_agrees(const OpenedModel& opened) {
    const auto cpu = load_on_cpu(opened.weights(), exact_options(opened), {});
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const std::size_t vocabulary = gpu->config().vocabulary;
    const auto one = cpu->new_sequence(60), other = gpu->new_sequence(60);
    const auto tokens = some_tokens(45, vocabulary);
    const std::span all(tokens);
    // A prompt by cuBLAS, one by the decode kernels, and single tokens: launch by launch, captured, replayed.
    const auto compare = [&](std::span<const int> part, bool last_only) {
      const auto expected = one->forward(part, last_only, {}), got = other->forward(part, last_only, {});
      const double difference = largest_difference(got, expected);
      QVERIFY2(difference < tolerance, std::to_string(difference).c_str());
    };
    compare(all.first(20), false);
    compare(all.subspan(20, 7), true);
    const std::size_t graphs = fake::state().graph_launches, allocations = fake::state().allocations;
    for (std::size_t i = 27; i < 32; ++i) compare(all.subspan(i, 1), true);
    QCOMPARE(fake::state().graph_launches, graphs + 4);
    QCOMPARE(fake::state().allocations, allocations); // none in the decode loop
    one->truncate(10);
    other->truncate(10);
    QCOMPARE(other->length(), std::size_t(10));
    compare(all.subspan(40, 1), true);
    compare(all.subspan(0, 33), true);
  }

 private slots:
  void cleanup() {
    QCOMPARE(fake::state().memory_used, std::size_t(0));
    fake::state() = {};
  }

  void a_checkpoint_computes_as_on_the_cpu_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"gqa", "tied", "biased", "llama3-rope", "qwen2"}) QTest::newRow(name) << name;
  }
  void a_checkpoint_computes_as_on_the_cpu() {
    QFETCH(QString, name);
    verify_agrees(open_model(tests_folder() / "golden/runtime" / name.toStdString()));
  }

  void an_artifact_computes_as_on_the_cpu_data() {
    QTest::addColumn<bool>("tied");
    QTest::addColumn<bool>("vocabulary");
    QTest::newRow("f16 embedding") << false << false;
    QTest::newRow("tied") << true << false;
    QTest::newRow("embedding and head in codes") << false << true;
    QTest::newRow("tied, in codes") << true << true;
  }
  void an_artifact_computes_as_on_the_cpu() {
    QFETCH(bool, tied);
    QFETCH(bool, vocabulary);
    TinyModel tiny;
    tiny.hidden = 40; // 20 x 2: a dense factor that is not symmetric
    tiny.intermediate = 56;
    tiny.heads = 4;
    tiny.kv_heads = 2;
    tiny.tied = tied;
    const auto name = "artifact" + std::to_string(tied) + std::to_string(vocabulary);
    verify_agrees(open_model(artifact(name.c_str(), tiny, vocabulary)));
  }

  // What rounding to binary16 between the linears costs.
  void the_built_in_model_says_the_same() {
    const OpenedModel opened = open_model(resources_folder() / "demo-model");
    const auto cpu = load_on_cpu(opened.weights(), exact_options(opened), {});
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    std::vector<int> tokens =
        opened.tokenizer->encode(read_text_file(resources_folder() / "demo-model/heldout.txt"));
    tokens.resize(128);
    const double kl = divergence(*gpu, *cpu, one_document(tokens, -1), {64, 0}, {}).mean_kl;
    qInfo("mean KL %.2g", kl);
    QVERIFY(kl < 1e-4);
  }

  void without_cublas_prompts_go_through_in_small_steps() {
    fake::state().cublas_there = false;
    verify_agrees(open_model(tests_folder() / "golden/runtime/gqa"));
    QCOMPARE(fake::state().gemms, std::size_t(0));
    const auto model = cuda::load_on_cuda(0, open_model(tests_folder() / "golden/runtime/gqa").weights(), {});
    QVERIFY2(model->note().find("libcublas is not there") != std::string::npos, model->note().c_str());
    fake::state().cublas_there = true;
    QCOMPARE(cuda::load_on_cuda(0, open_model(tests_folder() / "golden/runtime/gqa").weights(), {})->note(),
             std::string());
  }

  void fused_linears_are_one_launch() {
    const OpenedModel opened = open_model(tests_folder() / "golden/runtime/gqa"); // f16: all are alike
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto sequence = gpu->new_sequence(8);
    const std::size_t before = fake::state().groups;
    sequence->forward(std::vector<int>{1}, true, {});
    QCOMPARE(fake::state().groups - before, 4 * gpu->config().blocks + 1);
  }

  void a_prompt_of_several_chunks() {
    TinyModel tiny;
    tiny.max_positions = 1200;
    write_tiny_model(path("long"), tiny);
    const OpenedModel opened = open_model(path("long"));
    const auto cpu = load_on_cpu(opened.weights(), exact_options(opened), {});
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto one = cpu->new_sequence(1200), other = gpu->new_sequence(1200);
    const auto tokens = some_tokens(1100, 64);
    QVERIFY(largest_difference(other->forward(tokens, false, {}), one->forward(tokens, false, {})) <
            tolerance);
    QCOMPARE(other->length(), tokens.size());
  }

  void inputs_are_observed() {
    const OpenedModel opened = open_model(artifact("observed", {}, false));
    const auto cpu = load_on_cpu(opened.weights(), exact_options(opened), {});
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto tokens = some_tokens(30, 64);
    const auto inputs = [&](LanguageModel& model) {
      std::map<std::string, std::vector<float>> seen;
      model.observe_inputs([&](const std::string& input, std::span<const float> x, std::size_t count) {
        if (count == 30) seen[input].assign(x.begin(), x.end());
      });
      model.new_sequence(40)->forward(tokens, true, {});
      model.observe_inputs({});
      return seen;
    };
    const auto expected = inputs(*cpu), got = inputs(*gpu);
    QCOMPARE(got.size(), std::size_t(8));
    for (const auto& [name, x] : expected)
      QVERIFY2(largest_difference(got.at(name), x) < tolerance, name.c_str());
  }

  // The sampler on the device's own logits, against sampling there: the same tokens.
  void tokens_are_sampled_on_the_device_data() {
    QTest::addColumn<double>("temperature");
    QTest::addColumn<double>("top_p");
    QTest::addColumn<int>("top_k");
    QTest::addColumn<double>("penalty");
    QTest::newRow("the likeliest") << 0.0 << 0.95 << 0 << 1.0;
    QTest::newRow("the likeliest, penalised") << 0.0 << 0.95 << 0 << 1.4;
    QTest::newRow("all") << 1.5 << 1.0 << 0 << 1.0;
    QTest::newRow("top-p") << 0.8 << 0.6 << 0 << 1.0;
    QTest::newRow("top-k") << 2.0 << 0.99 << 7 << 1.0;
    QTest::newRow("more than there are") << 1.0 << 1.0 << 1000000 << 1.0;
    QTest::newRow("penalised") << 1.2 << 0.9 << 20 << 1.3;
  }
  void tokens_are_sampled_on_the_device() {
    QFETCH(double, temperature);
    QFETCH(double, top_p);
    QFETCH(int, top_k);
    QFETCH(double, penalty);
    const OpenedModel opened = open_model(resources_folder() / "demo-model");
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto vocabulary = gpu->config().vocabulary;
    const auto sequence = gpu->new_sequence(64), other = gpu->new_sequence(64);
    const SamplingSettings settings{temperature, top_p, std::size_t(top_k), penalty, 21};
    Sampler on_host(settings);
    std::vector<int> expected = some_tokens(12, vocabulary);
    for (std::span<const int> next = expected; expected.size() < 40; next = std::span(expected).last(1)) {
      const int token = on_host.sample(other->forward(next, true, {}), expected);
      expected.push_back(token);
    }
    GenerationRequest request;
    request.prompt = some_tokens(12, vocabulary);
    request.max_tokens = 28;
    request.sampling = settings;
    const std::size_t bytes = fake::state().bytes_to_host, graphs = fake::state().graph_launches;
    std::vector<int> cached;
    std::size_t launches = 0, sampled = 0;
    request.on_token = [&](int) {
      if (++sampled == 3) launches = fake::state().launches; // prompt, launch by launch, captured
    };
    const auto result = generate(*sequence, cached, *opened.tokenizer, request, {}, {});
    QCOMPARE(result.tokens, std::vector<int>(expected.begin() + 12, expected.end()));
    QCOMPARE(fake::state().graph_launches - graphs, std::size_t(26));
    QCOMPARE(fake::state().bytes_to_host - bytes, 28 * sizeof(int)); // a token each, no logits
    if (penalty == 1) QCOMPARE(fake::state().launches, launches);    // a step is its graph alone
    QCOMPARE(sequence->length(), std::size_t(39));
  }

  void settings_may_change_and_logits_be_asked_for_between() {
    const OpenedModel opened = open_model(artifact("changing", {}, true)); // the embedding is decoded
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto one = gpu->new_sequence(80), other = gpu->new_sequence(80);
    auto* sampling = dynamic_cast<SamplingSequence*>(one.get());
    QVERIFY(sampling != nullptr);
    std::vector<int> history = {3};
    for (const SamplingSettings& settings :
         {SamplingSettings{1, 1, 0, 1, 5}, SamplingSettings{0, 1, 0, 1, 5},
          SamplingSettings{1, 0.5, 9, 1.2, 6}, SamplingSettings{1, 1, 0, 1, 7},
          SamplingSettings{1e-6, 1, 0, 1, 8}}) {
      QVERIFY(sampling->can_sample(settings));
      Sampler on_host(settings), on_device(settings);
      for (int i = 0; i < 4; ++i) {
        const std::vector<int> next{history.back()};
        const int expected = on_host.sample(other->forward(next, true, {}), history);
        QCOMPARE(sampling->next_token(next, settings, on_device.next_uniform(), history, {}), expected);
        history.push_back(expected);
      }
      const std::vector<int> next{history.back()};
      QVERIFY(one->forward(next, true, {}) == other->forward(next, true, {}));
      history.push_back(1);
    }
    const LinearLayer& layer = gpu->graph().linears[0]; // a captured step is void then
    gpu->replace_linear(layer.name, DenseLinear{{layer.d_out, layer.d_in}, gaussian(layer.weights(), 3)});
    const SamplingSettings likeliest{0, 1, 0, 1, 0};
    for (int i = 0; i < 3; ++i) {
      const std::vector<int> next{i + 1};
      const auto logits = other->forward(next, true, {});
      QCOMPARE(sampling->next_token(next, likeliest, 0, history, {}),
               int(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    }
  }

  void what_the_kernel_cannot_sample_is_sampled_here() {
    const OpenedModel opened = open_model(tests_folder() / "golden/runtime/gqa");
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto sequence = gpu->new_sequence(8);
    const auto* sampling = dynamic_cast<const SamplingSequence*>(sequence.get());
    QVERIFY(!sampling->can_sample({1e-9, 1, 0, 1, 0}));
    QVERIFY(sampling->can_sample({0, 1, 0, 1, 0}) && sampling->can_sample({100, 0.1, 3, 10, 0}));
  }

  void a_damaged_model_is_told_where_tokens_are_sampled() {
    const OpenedModel opened = open_model(tests_folder() / "golden/runtime/gqa");
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const LinearLayer& layer = gpu->graph().linears[0];
    gpu->replace_linear(
        layer.name, DenseLinear{{layer.d_out, layer.d_in}, std::vector<float>(layer.weights(), INFINITY)});
    const auto sequence = gpu->new_sequence(8);
    auto* sampling = dynamic_cast<SamplingSequence*>(sequence.get());
    for (const double temperature : {0.0, 1.0})
      QVERIFY(error_of([&] {
                sampling->next_token(std::vector<int>{1, 2}, {temperature, 1, 0, 1, 0}, 0.5, {}, {});
              }).find("damaged") != std::string::npos);
  }

  // Matrices that go to the device in parts, by rows and by tokens; and nothing of them stays there.
  void dense_products_are_the_cpus() {
    const OpenedModel opened = open_model(tests_folder() / "golden/runtime/gqa");
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const std::size_t used = test::fake::state().memory_used;
    constexpr std::size_t tokens = 2, part = std::size_t(1) << 24; // values that are taken at once
    for (const MatrixShape shape : {MatrixShape{5, 7}, {70000, 256}, {part + 5, 1}}) {
      const DenseLinear w{shape, gaussian(shape.size(), 1)};
      const auto x = gaussian(tokens * shape.columns, 2), y = gaussian(tokens * shape.rows, 3);
      std::vector<float> forward(y.size(), NAN), back(x.size(), NAN), expected_forward(y.size()),
          expected_back(x.size());
      gpu->products().multiply(w, x, tokens, forward, {});
      gpu->products().multiply_transposed(w, y, tokens, back, {});
      cpu_products().multiply(w, x, tokens, expected_forward, {});
      cpu_products().multiply_transposed(w, y, tokens, expected_back, {});
      QVERIFY(largest_difference(forward, expected_forward) < 1e-4);
      QVERIFY(largest_difference(back, expected_back) < 2e-3);
    }
    QCOMPARE(test::fake::state().memory_used, used);
    std::stop_source stop;
    stop.request_stop();
    std::vector<float> one(1);
    QCOMPARE(error_of([&] {
               gpu->products().multiply({{1, 1}, {1.f}}, one, 1, one, {{}, stop.get_token()});
             }),
             std::string("cancelled"));
  }

  // Layer by layer, also where the embedding is in codes; and the model is as it was.
  void sensitivities_are_as_on_the_cpu_data() {
    QTest::addColumn<bool>("vocabulary");
    QTest::newRow("f16 embedding") << false;
    QTest::newRow("embedding and head in codes") << true;
  }
  void sensitivities_are_as_on_the_cpu() {
    QFETCH(bool, vocabulary);
    const OpenedModel opened = open_model(artifact(vocabulary ? "prone1" : "prone0", {}, vocabulary));
    const auto cpu = load_on_cpu(opened.weights(), exact_options(opened), {});
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto tokens = some_tokens(200, 64);
    SensitivityOptions options;
    options.sequence_length = 24;
    const auto estimate = [&](LanguageModel& model) {
      return estimate_sensitivity(model, opened.weights(), "tiny", tokens, options, {});
    };
    const auto before = gpu->new_sequence(16)->forward(some_tokens(16, 64), false, {});
    const Sensitivity expected = estimate(*cpu), got = estimate(*gpu);
    QCOMPARE(got.layers.size(), expected.layers.size());
    double worst = 0;
    for (const auto& [layer, value] : expected.layers)
      worst = std::max(worst, std::abs(got.layers.at(layer) / value - 1));
    qInfo("largest difference %.2g", worst);
    QVERIFY(worst < 0.02);
    QVERIFY(gpu->new_sequence(16)->forward(some_tokens(16, 64), false, {}) == before);
  }

  void linears_are_replaced_and_put_back() {
    const OpenedModel opened = open_model(artifact("replaced", {}, false));
    const auto cpu = load_on_cpu(opened.weights(), exact_options(opened), {});
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto one = cpu->new_sequence(20), other = gpu->new_sequence(20);
    const auto step = [](Sequence& sequence) {
      sequence.truncate(0);
      return sequence.forward(std::vector<int>{5}, true, {});
    };
    const auto before = step(*other);
    for (int i = 0; i < 3; ++i) step(*other);
    const LinearLayer& layer = gpu->graph().linears[0];
    DenseLinear dense{{layer.d_out, layer.d_in}, gaussian(layer.weights(), 3)};
    std::vector<float> copy = dense.weights;
    QuantizedLinear coded = quantize_linear(copy, dense.shape, parse_quantizer_id("nuq-6"),
                                            std::make_shared<const Rotation>(layer.d_in, 99), layer.name, {});
    for (const LinearWeights& weights : {LinearWeights(dense), LinearWeights(coded)}) {
      cpu->replace_linear(layer.name, weights);
      gpu->replace_linear(layer.name, weights);
      for (int i = 0; i < 3; ++i) QVERIFY(largest_difference(step(*other), step(*one)) < tolerance);
      const auto tokens = some_tokens(18, 64);
      one->truncate(0);
      other->truncate(0);
      QVERIFY(largest_difference(other->forward(tokens, true, {}), one->forward(tokens, true, {})) <
              tolerance);
    }
    gpu->replace_linear(layer.name, opened.weights().linear(layer));
    QVERIFY(step(*other) == before);
  }

  void memory_is_as_predicted() {
    const OpenedModel opened = open_model(artifact("memory", {}, true));
    const auto plan = cuda::device_memory_plan(
        opened.config(), opened.graph(),
        [&](const LinearLayer& layer) { return opened.weights().quantizer_of(layer); }, 50);
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto sequence = gpu->new_sequence(50);
    sequence->forward(some_tokens(40, 64), false, {});
    QCOMPARE(fake::state().memory_peak, std::size_t(plan.total()));
  }

  void too_little_memory_is_said_before_any_is_taken() {
    const OpenedModel opened = open_model(tests_folder() / "golden/runtime/gqa");
    fake::state().memory_total = 1 << 20;
    const std::string sentence = error_of([&] { cuda::load_on_cuda(0, opened.weights(), {}); });
    QVERIFY2(sentence.find("the model needs") != std::string::npos &&
                 sentence.find("--device cpu") != std::string::npos,
             sentence.c_str());
    QCOMPARE(fake::state().allocations, std::size_t(0));
  }

  void what_cuda_takes_beside_is_measured() {
    fake::state().cublas_handle = 10 << 20;
    fake::state().cublas_kernels = 30 << 20;
    const cuda::DeviceUse use(0, 400 << 20);
    QCOMPARE(use.overhead().context, std::uint64_t(400) << 20);
    QCOMPARE(use.overhead().cublas, std::uint64_t(40) << 20);
    QCOMPARE(fake::state().memory_used, std::size_t(0)); // given back
    fake::state() = {};
    fake::state().cublas_there = false;
    QCOMPARE(cuda::DeviceUse(0, 0).overhead().total(), std::uint64_t(0));
    fake::state() = {};
    fake::state().memory_total = 1 << 20; // no room to measure in
    QCOMPARE(cuda::DeviceUse(0, 7).overhead().total(), std::uint64_t(7));
    QVERIFY(!error_of([] { cuda::DeviceUse(3, 0); }).empty());
    QCOMPARE(cuda::pci_bus_id(0), std::string("0000:01:00.0"));
    QCOMPARE(cuda::pci_bus_id(1), std::string());
  }

  void the_peak_is_plan_and_overhead() {
    const OpenedModel opened = open_model(artifact("peak", {}, true));
    const auto plan = cuda::device_memory_plan(
        opened.config(), opened.graph(),
        [&](const LinearLayer& layer) { return opened.weights().quantizer_of(layer); }, 50);
    fake::state().cublas_handle = 10 << 20;
    fake::state().cublas_kernels = 30 << 20;
    cuda::DeviceUse use(0, 400 << 20);
    {
      const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
      const auto sequence = gpu->new_sequence(50);
      sequence->forward(some_tokens(40, 64), false, {});
      use.note();
    }
    use.note();
    QCOMPARE(use.peak(), plan.total() + use.overhead().total());
  }

  void what_will_not_fit_is_refused_with_the_amounts() {
    const OpenedModel opened = open_model(artifact("refused", {}, false));
    const auto plan = cuda::device_memory_plan(
        opened.config(), opened.graph(),
        [&](const LinearLayer& layer) { return opened.weights().quantizer_of(layer); }, 50);
    fake::state().cublas_handle = 10 << 20;
    fake::state().cublas_kernels = 30 << 20;
    const cuda::DeviceUse use(0, 400 << 20);
    const std::size_t before = fake::state().allocations;
    // Its code is there already; its handle comes with the model.
    fake::state().memory_total = plan.total() + (40 << 20);
    use.require_room(plan, 50, 0);
    --fake::state().memory_total;
    const std::string sentence = error_of([&] { use.require_room(plan, 50, 0); });
    for (const char* words :
         {"cuda:0", "needs", "MiB are free", "a context of 50 tokens", "10 MiB for cuBLAS",
          "taken 400 MiB already", "smaller context", "--device cpu"})
      QVERIFY2(sentence.find(words) != std::string::npos, sentence.c_str());
    QCOMPARE(fake::state().allocations, before);
    auto alone = plan;
    alone.sequence = {};
    ++fake::state().memory_total;
    use.require_room(alone, 0, plan.sequence.bytes());
    const std::string other = error_of([&] { use.require_room(alone, 0, plan.sequence.bytes() + 1); });
    QVERIFY2(other.find("a model before it will take") != std::string::npos, other.c_str());
  }

  // A model of 8B weights on a card of 8 GB: what the allocator calls fitting is what the worker lets in.
  void a_plan_for_a_card_fits_it_to_the_byte() {
    constexpr std::uint64_t card = 8'000'000'000, context_bytes = 400 << 20;
    AllocationProblem problem;
    problem.config = test::config_of(test::llama_8b);
    problem.config.name = "8B";
    problem.graph = build_layer_graph(problem.config);
    problem.sensitivity = provisional_sensitivity(problem.config, problem.graph);
    problem.only = {QuantizerFamily::tcq, QuantizerFamily::nuq};
    fake::state().memory_total = card - context_bytes;
    fake::state().cublas_handle = 10 << 20;
    fake::state().cublas_kernels = 30 << 20;
    const cuda::DeviceUse use(0, context_bytes);
    problem.memory = cuda_memory(use.overhead().total());
    AllocationRequest request;
    request.memory = MemoryBytes{card};
    request.context = 4096;
    request.gap = 1e-3;
    const Plan plan = Allocator(problem).solve(request, {});
    QVERIFY(plan.predicted.memory_bytes <= card && plan.predicted.memory_bytes > card - (16 << 20));
    const auto device_plan = cuda::device_memory_plan(
        problem.config, problem.graph, [&](const LinearLayer& layer) { return plan.quantizer_of(layer); },
        request.context);
    use.require_room(device_plan, request.context, 0); // on the card that it was made for
    fake::state().memory_total = plan.predicted.memory_bytes - context_bytes; // on one that it just fits
    use.require_room(device_plan, request.context, 0);
    --fake::state().memory_total;
    const std::string sentence = error_of([&] { use.require_room(device_plan, request.context, 0); });
    QVERIFY2(sentence.find("the model needs") != std::string::npos, sentence.c_str());
  }

  // Others may take it between the question and the allocation.
  void a_failed_allocation_is_named_and_frees_the_rest() {
    const OpenedModel opened = open_model(tests_folder() / "golden/runtime/gqa");
    for (const auto& [number, words] :
         {std::pair{1, "the model's weights"}, {2, "the model's workspace"}, {3, "a context of 64 tokens"}}) {
      fake::state() = {};
      fake::state().fail_allocation = std::size_t(number);
      try {
        cuda::load_on_cuda(0, opened.weights(), {})->new_sequence(64);
        QFAIL("it came through");
      } catch (const Error& error) {
        QVERIFY(error.kind() == ErrorKind::resource);
        const std::string sentence = error.what();
        QVERIFY2(sentence.find(words) != std::string::npos &&
                     sentence.find("smaller context") != std::string::npos,
                 sentence.c_str());
      }
      QCOMPARE(fake::state().memory_used, std::size_t(0));
    }
  }

  void wrong_use_is_refused() {
    const OpenedModel opened = open_model(tests_folder() / "golden/runtime/gqa");
    QVERIFY(!error_of([&] { cuda::load_on_cuda(3, opened.weights(), {}); }).empty());
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto sequence = gpu->new_sequence(4);
    QVERIFY(!error_of([&] { sequence->forward({}, true, {}); }).empty());
    QVERIFY(!error_of([&] { sequence->forward(std::vector<int>(5, 1), true, {}); }).empty());
    QVERIFY(!error_of([&] { sequence->forward(std::vector<int>{-1}, true, {}); }).empty());
    QVERIFY(!error_of([&] { gpu->replace_linear("nothing", DenseLinear{}); }).empty());
    QVERIFY(!error_of([&] { gpu->replace_linear(gpu->graph().linears[0].name, DenseLinear{}); }).empty());
    std::stop_source stop;
    stop.request_stop();
    QCOMPARE(error_of([&] {
               sequence->forward(std::vector<int>{1, 2}, true, stop.get_token());
             }),
             std::string("cancelled"));
    QVERIFY(!sequence->forward(std::vector<int>{1, 2}, true, {}).empty());
  }

  // The selftest's references against those of the played launches; and a kernel that is wrong is found.
  void the_selftest_tells_right_from_wrong() {
    const auto checks = cuda::selftest(0, {.seed = 3, .cases = 2}, {});
    QVERIFY(checks.size() > 2 * palette().size());
    for (const KernelCheck& check : checks) {
      const std::string said = check.kernel + ": " + std::to_string(check.worst) + " " + check.problem;
      QVERIFY2(check.ok() && check.cases == 2, said.c_str());
    }
    fake::state().swiglu_is_wrong = true;
    std::vector<std::string> wrong;
    for (const KernelCheck& check : cuda::selftest(0, {.seed = 3, .cases = 2}, {}))
      if (!check.ok()) wrong.push_back(check.kernel);
    QCOMPARE(wrong, (std::vector<std::string>{"swiglu, f32", "swiglu, f16"}));
  }

  void the_selftest_of_real_shapes() {
    const auto checks = cuda::selftest(0, {.seed = 3, .cases = 1, .real_shapes = true, .divided_by = 32}, {});
    for (const KernelCheck& check : checks) {
      const std::string said = check.kernel + ": " + std::to_string(check.worst) + " " + check.problem;
      QVERIFY2(check.ok() && check.cases == 1, said.c_str());
    }
    for (const char* name : {"70B gate+up, tcq-3, batch 16", "8B down, f16, batch 1", "attention, 135M"})
      QVERIFY2(
          std::any_of(checks.begin(), checks.end(), [&](const auto& each) { return each.kernel == name; }),
          name);
  }

  void the_profiler_times_every_shape() {
    const OpenedModel opened = open_model(tests_folder() / "golden/runtime/gqa");
    const auto shapes = cuda::profile_groups(opened.graph());
    LatencyTable table = cuda::profile(0, opened.config(), opened.graph(), {1, 2, 64}, {});
    table.device_name = "played";
    std::size_t kernels = 0;
    for (const Quantizer* member : palette())
      for (const auto path : {cuda::KernelPath::tensor_core, cuda::KernelPath::cuda_core})
        kernels += cuda::supports(member->id(), path, 1);
    QCOMPARE(table.entries.size(), shapes.size() * kernels);
    QVERIFY(table.constant_seconds > 0);
    const LatencyTable read = parse_latency_table(Json::parse(to_json(table).dump()), "the profile");
    QCOMPARE(read.entries.size(), table.entries.size());
  }

  // Last: a lost context stays lost.
  void zz_a_fault_on_the_device_is_noticed() {
    const OpenedModel opened = open_model(tests_folder() / "golden/runtime/gqa");
    const auto gpu = cuda::load_on_cuda(0, opened.weights(), {});
    const auto sequence = gpu->new_sequence(4);
    QVERIFY(!cuda::gpu_is_lost());
    fake::state().fail_sync = cudaErrorIllegalAddress;
    QVERIFY(error_of([&] { sequence->forward(std::vector<int>{1}, true, {}); }).find("load the model") !=
            std::string::npos);
    QVERIFY(cuda::gpu_is_lost());
  }
};

QTEST_APPLESS_MAIN(TestBackend)
#include "test_backend.moc"
