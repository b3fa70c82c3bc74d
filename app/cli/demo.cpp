// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The whole main job on the built-in model: open, measure, allocate, quantize, evaluate, chat.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

#include "app/cli/plan_table.h"
#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/allocation/allocator.h"
#include "core/base/error.h"
#include "core/base/format_bytes.h"
#include "core/base/mapped_file.h"
#include "core/jobs/evaluate.h"
#include "core/jobs/measure_sensitivity.h"
#include "core/jobs/quantize.h"
#include "core/memory/memory_model.h"
#include "core/runtime/conversation.h"

namespace intarsia::cli {
namespace {

namespace fs = std::filesystem;

const std::string question = "Which woods should I use for an owl?";

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "intarsia-demo-XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
      throw Error(ErrorKind::resource, pattern + ": no temporary folder could be made");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

struct QuantizedDemo {
  Plan plan;
  OpenedModel model;
  std::unique_ptr<LanguageModel> running;
  double perplexity = 0;
};

class Demo {
 public:
  explicit Demo(Device device)
      : target_(std::move(device))
      , path_(built_in_model())
      , model_(open_model(path_))
      , running_(load_here(model_)) {
    text_ = evaluation_text(require_tokenizer(model_, path_.string()), read_text_file(path_ / "heldout.txt"));
    original_perplexity_ = evaluate(*running_);
    problem_.config = model_.config();
    problem_.graph = model_.graph();
    problem_.sensitivity = measure_sensitivity(target_, model_, {}, {}, make_control("sensitivity"));
  }

  QuantizedDemo quantize(double bits) {
    QuantizedDemo result;
    Allocator allocator(problem_);
    AllocationRequest request;
    request.memory = BitsPerWeight{bits};
    request.context = model_.config().max_positions;
    result.plan = allocator.solve(request, make_control("solving"));
    const fs::path out = folder_.path() / fmt::format("{}-bit", bits);
    intarsia::quantize(target_, model_, result.plan, out,
                       {}, // without calibration: it would take thrice as long
                       make_control(fmt::format("quantizing to {} bits", bits)));
    result.model = open_model(out);
    result.running = load_here(result.model);
    result.perplexity = evaluate(*result.running);
    return result;
  }

  std::string answer(QuantizedDemo& quantized) {
    Conversation conversation(*quantized.model.tokenizer, *quantized.running,
                              default_context(quantized.model), "");
    SamplingSettings greedy;
    greedy.temperature = 0;
    return conversation.reply(question, {96, greedy}, nullptr, make_control("").stop).text;
  }

  double evaluate(LanguageModel& model) {
    return evaluate_perplexity(model, text_, {}, make_control("evaluating")).perplexity;
  }

  const OpenedModel& model() const { return model_; }
  const fs::path& path() const { return path_; }
  double original_perplexity() const { return original_perplexity_; }

 private:
  std::unique_ptr<LanguageModel> load_here(const OpenedModel& model) const {
    return load_model(target_, model, default_context(model), make_control("loading"));
  }

  ExecutionTarget target_;
  fs::path path_;
  OpenedModel model_;
  std::unique_ptr<LanguageModel> running_;
  EvaluationText text_;
  double original_perplexity_ = 0;
  AllocationProblem problem_;
  TemporaryFolder folder_;
};

OrderedJson plan_bits(const Plan& plan) {
  OrderedJson bits = OrderedJson::object();
  for (const auto& [name, layer] : plan.layers) bits[name] = layer.quantizer.bits();
  return bits;
}

void print_plan(const LayerGraph& graph, const Plan& plan) {
  fmt::print("plan at 4 bits per weight: {}, loss {:.4g} nats, proven within {:.3f} %, {:.0f} ms\n",
             plan.solver.name, plan.solver.objective, 100 * plan.solver.gap, plan.solver.seconds * 1e3);
  fmt::print("{}", plan_table(plan, graph));
}

void run(const Options& options) {
  const Device device = chosen_device(options);
  Demo demo(device);
  const std::uint64_t before = f16_model_bytes(demo.model().graph(), demo.model().config());
  QuantizedDemo four = demo.quantize(4), two = demo.quantize(2);
  const std::string answer = demo.answer(four);
  end_progress();
  const std::uint64_t after = fs::file_size(four.model.artifact->path() / "model.safetensors");
  if (options.json())
    return print_json({{"model", demo.model().config().name},
                       {"device", {{"id", device.id}, {"name", device.name}}},
                       {"f16_perplexity", demo.original_perplexity()},
                       {"plan", plan_bits(four.plan)},
                       {"solver", to_json(four.plan)["solver"]},
                       {"bytes_before", before},
                       {"bytes_after", after},
                       {"perplexity_4_bits", four.perplexity},
                       {"perplexity_2_bits", two.perplexity},
                       {"chat", {{"prompt", question}, {"answer", answer}}}});
  fmt::print("model   {} ({} weights in the blocks' linears), {}\n", demo.model().config().name,
             demo.model().graph().linear_weights(), demo.path().string());
  fmt::print("device  {}\n", device.name);
  fmt::print("perplexity of the original: {:.4f}\n\n", demo.original_perplexity());
  print_plan(demo.model().graph(), four.plan);
  fmt::print("\nsize            {} in f16, {} at 4 bits (embeddings stay f16)\n", format_bytes(before),
             format_bytes(after));
  fmt::print("perplexity      {:.4f} at 4 bits ({:+.1f} %), {:.4f} at 2 bits ({:+.1f} %)\n", four.perplexity,
             100 * (four.perplexity / demo.original_perplexity() - 1), two.perplexity,
             100 * (two.perplexity / demo.original_perplexity() - 1));
  fmt::print("\n> {}\n{}\n", question, answer);
}

} // namespace

Verb demo_verb() {
  return {{"demo", "", "runs the whole main job on the built-in model", {device_option()}}, run};
}

} // namespace intarsia::cli
