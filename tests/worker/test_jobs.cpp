// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Jobs behind the pipes give what they give in this process, number for number.
#include <fstream>
#include <thread>

#include "core/base/mapped_file.h"
#include "core/jobs/evaluate.h"
#include "core/runtime/conversation.h"
#include "core/worker/worker_jobs.h"
#include "tests/support/one_document.h"
#include "tests/support/tiny_model.h"
#include "tests/support/worker_client.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

class TestJobs : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  OpenedModel opened_ = open_model(resources_folder() / "demo-model");
  std::unique_ptr<LanguageModel> here_ = load_on_cpu(opened_.weights(), cpu_options(opened_), {});
  std::shared_ptr<WorkerClient> client_ = worker_client();
  std::unique_ptr<WorkerModel> there_ = load_in_worker(client_, opened_, "cpu", {});
  std::vector<int> text_;

  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

  void verify_same_files(const fs::path& one, const fs::path& other) const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(one)) {
      const fs::path twin = other / entry.path().filename();
      QVERIFY2(read_text_file(entry.path()) == read_text_file(twin), twin.c_str());
      ++count;
    }
    QCOMPARE(std::size_t(std::distance(fs::directory_iterator(other), fs::directory_iterator())), count);
  }

 private slots:
  void initTestCase() {
    text_ = opened_.tokenizer->encode(read_text_file(resources_folder() / "demo-model/heldout.txt"));
    text_.resize(1500);
  }

  void what_the_worker_says_of_the_model() {
    QCOMPARE(there_->weight_bytes(), here_->weight_bytes());
    QCOMPARE(there_->config().vocabulary, here_->config().vocabulary);
    QCOMPARE(there_->graph().linears.size(), here_->graph().linears.size());
  }

  void logits_are_equal() {
    const auto one = here_->new_sequence(64), other = there_->new_sequence(64);
    const std::vector<int> tokens(text_.begin(), text_.begin() + 40);
    const std::span all(tokens);
    QVERIFY(one->forward(all.first(30), false, {}) == other->forward(all.first(30), false, {}));
    QVERIFY(one->forward(all.last(10), true, {}) == other->forward(all.last(10), true, {}));
    QCOMPARE(other->length(), std::size_t(40));
    one->truncate(7);
    other->truncate(7);
    QCOMPARE(other->length(), std::size_t(7));
    QVERIFY(one->forward(all.first(5), true, {}) == other->forward(all.first(5), true, {}));
    // Past the capacity, or outside the vocabulary: refused by the worker, and nothing has changed.
    const std::vector<int> many(60, 1), strange{1536};
    QVERIFY(!error_of([&] { other->forward(many, true, {}); }).empty());
    QVERIFY(!error_of([&] { other->forward(strange, true, {}); }).empty());
    QVERIFY(one->forward(all.first(5), true, {}) == other->forward(all.first(5), true, {}));
  }

  void generation_is_equal() {
    for (const double temperature : {0.0, 0.9}) {
      GenerationRequest request;
      request.prompt.assign(text_.begin(), text_.begin() + 20);
      request.max_tokens = 48;
      request.sampling.temperature = temperature;
      request.sampling.seed = 5;
      const auto run = [&](LanguageModel& model) {
        std::vector<int> streamed, cached;
        std::string pieces;
        request.on_token = [&](int token) { streamed.push_back(token); };
        const auto sequence = model.new_sequence(100);
        std::vector<GenerationResult> results;
        for (int turn = 0; turn < 2; ++turn) { // the second reuses what the first has computed
          results.push_back(generate(*sequence, cached, *opened_.tokenizer, request,
                                     [&](std::string_view piece) { pieces += piece; }, {}));
          request.prompt.resize(25, 3);
        }
        request.prompt.resize(20);
        return std::tuple(results[0].tokens, results[1].tokens, results[0].text, results[1].reused_tokens,
                          results[0].reason, streamed, pieces, cached, sequence->length());
      };
      QVERIFY(run(*here_) == run(*there_));
    }
  }

  void a_conversation_is_equal() {
    SamplingSettings greedy;
    greedy.temperature = 0;
    const auto talk = [&](LanguageModel& model) {
      Conversation conversation(*opened_.tokenizer, model, default_context(opened_), "");
      std::string said;
      for (const char* question : {"Is ebony a hard wood?", "And balsa?"})
        said += conversation.reply(question, {40, greedy}, nullptr, {}).text + "\n";
      return said + std::to_string(conversation.context_used());
    };
    QCOMPARE(talk(*there_), talk(*here_));
  }

  void evaluation_is_equal() {
    const auto one = perplexity(*here_, one_document(text_), {256, 0}, {});
    double last = 0;
    const JobControl control{[&](const Progress& progress) { last = progress.done / progress.total; }, {}};
    const auto other = evaluate_perplexity(*there_, one_document(text_), {256, 0}, control);
    QVERIFY(one.perplexity == other.perplexity && one.standard_error == other.standard_error);
    QVERIFY(one.tokens == other.tokens && one.windows == other.windows);
    QCOMPARE(last, 1.0);
    // The same by logits that travel.
    QVERIFY(perplexity(*there_, one_document(text_, 0), {256, 0}, {}).perplexity ==
            perplexity(*here_, one_document(text_, 0), {256, 0}, {}).perplexity);
  }

  void quantizing_gives_the_same_bytes_and_the_same_divergence() {
    Plan plan = mixed_plan(opened_.graph());
    for (const LinearLayer* layer : opened_.graph().vocabulary_layers())
      plan.layers[layer->name] = {parse_quantizer_id("nuq-6"), "cpu"};
    QuantizeOptions options;
    options.seed = 9;
    options.calibration = CalibrationChoice{text_, "text", 512, 1};
    std::vector<LayerDone> here_done, there_done;
    options.on_layer = [&](const LayerDone& layer) { here_done.push_back(layer); };
    quantize_model(*opened_.checkpoint, plan, path("here"), options, {});
    QuantizeOptions remote;
    remote.seed = 9;
    remote.calibration = options.calibration;
    remote.on_layer = [&](const LayerDone& layer) { there_done.push_back(layer); };
    quantize_in_worker(*client_, "cpu", opened_.checkpoint->path(), plan, path("there"), remote, {});
    verify_same_files(path("here"), path("there"));
    QCOMPARE(there_done.size(), here_done.size());
    for (std::size_t i = 0; i < here_done.size(); ++i)
      QVERIFY(there_done[i].name == here_done[i].name &&
              there_done[i].distortion == here_done[i].distortion &&
              there_done[i].proxy_loss == here_done[i].proxy_loss);
    const std::string again = error_of([&] {
      quantize_in_worker(*client_, "cpu", opened_.checkpoint->path(), plan, path("there"), remote, {});
    });
    QVERIFY2(again.find("exists already") != std::string::npos, again.c_str());

    const OpenedModel artifact = open_model(path("there"));
    const auto quantized_here = load_on_cpu(artifact.weights(), cpu_options(artifact), {});
    const auto quantized_there = load_in_worker(client_, artifact, "cpu", {});
    const auto one = divergence(*quantized_here, *here_, one_document(text_), {128, 0}, {});
    for (LanguageModel* reference : {static_cast<LanguageModel*>(there_.get()), here_.get()}) {
      const auto other = evaluate_divergence(*quantized_there, *reference, one_document(text_), {128, 0}, {});
      QVERIFY(one.mean_kl == other.mean_kl && one.top1_agreement == other.top1_agreement);
      QVERIFY(one.model.perplexity == other.model.perplexity);
    }
  }

  void a_sensitivity_is_equal() {
    SensitivityOptions options;
    options.samples = 2;
    options.sequence_length = 8;
    options.seed = 11;
    for (const std::vector<int>& text : {std::vector<int>(), text_}) {
      double last = 0;
      const JobControl control{[&](const Progress& progress) { last = progress.done / progress.total; }, {}};
      const Sensitivity here =
          estimate_sensitivity(*here_, opened_.weights(), opened_.config().name, text, options, {});
      const Sensitivity there =
          sensitivity_in_worker(*client_, "cpu", opened_.checkpoint->path(), text, options, control);
      QVERIFY(there.layers == here.layers && there.standard_errors == here.standard_errors);
      QVERIFY(there.model == here.model && there.method == here.method && there.seed == here.seed);
      QCOMPARE(there.samples, here.samples);
      QCOMPARE(last, 1.0);
    }
    options.samples = 0;
    QVERIFY(error_of([&] {
              sensitivity_in_worker(*client_, "cpu", opened_.checkpoint->path(), text_, options, {});
            }).find("samples") != std::string::npos);
  }

  // The same estimates on the way, and the same end.
  void a_sensitivity_gets_better_and_better() {
    const SensitivityOptions options{16, 8, 11};
    std::vector<Sensitivity> here, there;
    const auto into = [](std::vector<Sensitivity>& seen) {
      return [&seen](const Sensitivity& so_far) { return seen.push_back(so_far), true; };
    };
    const Sensitivity last_here =
        estimate_sensitivity(*here_, opened_.weights(), opened_.config().name, {}, options, {}, into(here));
    const Sensitivity last_there =
        sensitivity_in_worker(*client_, "cpu", opened_.checkpoint->path(), {}, options, {}, into(there));
    QCOMPARE(there.size(), estimate_steps(options.samples).size());
    QCOMPARE(there.size(), here.size());
    for (std::size_t i = 0; i < here.size(); ++i) {
      QCOMPARE(there[i].samples, here[i].samples);
      QVERIFY(there[i].layers == here[i].layers && there[i].standard_errors == here[i].standard_errors);
      QVERIFY(there[i].feedback.empty()); // measured last
    }
    QVERIFY(last_there.layers == last_here.layers && last_there.feedback == last_here.feedback);
  }

  void a_sensitivity_that_is_good_enough_ends_the_work() {
    const SensitivityOptions options{64, 8, 11};
    Sensitivity seen;
    const Sensitivity enough =
        sensitivity_in_worker(*client_, "cpu", opened_.checkpoint->path(), {}, options, {},
                              [&](const Sensitivity& so_far) { return seen = so_far, false; });
    QCOMPARE(enough.samples, std::size_t(64 / 16));
    QVERIFY(enough.layers == seen.layers);
    // The worker is there for the next.
    QCOMPARE(sensitivity_in_worker(*client_, "cpu", opened_.checkpoint->path(), {}, {2, 8, 11}, {}).samples,
             std::size_t(2));
  }

  // Said before anything is written, with CUDA and without.
  void quantizing_on_a_gpu_that_is_not_there_leaves_nothing() {
    const auto quantize = [&] {
      quantize_in_worker(*client_, "cuda:97", opened_.checkpoint->path(), mixed_plan(opened_.graph()),
                         path("nowhere"), {}, {});
    };
    const std::string sentence = error_of(quantize);
    QVERIFY2(sentence.find("cuda:97") != std::string::npos || sentence.find("no CUDA") != std::string::npos,
             sentence.c_str());
    QVERIFY(!fs::exists(path("nowhere")) && !fs::exists(path("nowhere.partial")));
  }

  void two_clients_at_once() {
    const auto expected = perplexity(*here_, one_document(text_), {128, 0}, {}).perplexity;
    std::vector<double> found(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < found.size(); ++i) // two workers, two threads each
      threads.emplace_back([&, i, client = i % 2 ? client_ : nullptr]() mutable {
        if (!client) client = worker_client();
        const auto model = load_in_worker(client, opened_, "cpu", {});
        found[i] = evaluate_perplexity(*model, one_document(text_), {128, 0}, {}).perplexity;
      });
    for (std::thread& thread : threads) thread.join();
    for (const double perplexity : found) QVERIFY(perplexity == expected);
  }

  void parts_of_a_model_stay_here() {
    QVERIFY(error_of([&] { there_->observe_inputs({}); }).find("worker process") != std::string::npos);
  }

  void a_device_that_is_not_there() {
    try {
      load_in_worker(client_, opened_, "cuda:99", {});
      QFAIL("it loaded");
    } catch (const Error& error) {
      QVERIFY(error.kind() == ErrorKind::resource || error.kind() == ErrorKind::unsupported);
      QVERIFY2(std::string(error.what()).size() > 20, error.what());
    }
  }

  // NVIDIA's runtime shares no process with GPL libraries.
  void glpk_is_not_in_its_process() {
    there_->new_sequence(8);
    std::ifstream maps("/proc/" + std::to_string(client_->pid()) + "/maps");
    std::string all((std::istreambuf_iterator<char>(maps)), {});
    QVERIFY(all.find("intarsia-worker") != std::string::npos);
    QVERIFY(all.find("glpk") == std::string::npos);
  }
};

QTEST_GUILESS_MAIN(TestJobs)
#include "test_jobs.moc"
