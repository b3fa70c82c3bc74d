// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/evaluation/evaluation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/jobs/evaluate.h"
#include "core/worker/messages.h"

namespace intarsia::cli {
namespace {

// Token by token, a comparison means something only when both read the same tokens.
void require_same_tokens(const OpenedModel& model, const OpenedModel& reference, const std::string& path) {
  if (!reference.tokenizer || reference.tokenizer->spec().tokens == model.tokenizer->spec().tokens) return;
  throw input_error(path + ": has another tokenizer than the model; the two cannot be compared");
}

// What both ways to evaluate need; the model is loaded for as long as this lives.
struct Evaluation {
  std::string model_path, text_path;
  ExecutionTarget target;
  OpenedModel model;
  EvaluationOptions options;
  EvaluationText text;
  JobControl control;
  std::unique_ptr<LanguageModel> running;

  explicit Evaluation(const Options& given)
      : model_path(given.argument())
      , text_path(given.require("--text"))
      , target(chosen_target(given))
      , model(open_model(model_path))
      , control(make_control("evaluating")) {
    const std::size_t most = model.config().max_positions;
    options.context = given.count_or("--context", 2, most, std::min<std::size_t>(512, most));
    if (given.has("--quick")) options.max_tokens = quick_tokens;
    text = evaluation_text(require_tokenizer(model, model_path), read_corpus(text_path));
    if (text.tokens.size() < 2) throw input_error(text_path + ": has fewer than 2 tokens");
    model.kv_cache = chosen_kv_cache(given);
    running = load_model(target, model, options.context, control);
  }
  OrderedJson json() const {
    OrderedJson json{{"model", model_path}, {"text", text_path}, {"context", options.context}};
    json["documents"] = text.documents.size();
    json["prepended"] = nullptr;
    if (text.bos >= 0) json["prepended"] = model.tokenizer->spec().tokens[std::size_t(text.bos)];
    json["quick"] = options.max_tokens > 0;
    return json;
  }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void begin() { start_ = std::chrono::steady_clock::now(); }
  void print_how(std::size_t tokens, std::size_t windows) const {
    fmt::print("measured on      {} tokens in {} windows of up to {}{}: {}, in {:.0f} s\n", tokens, windows,
               options.context, options.max_tokens ? ", a sample" : "", description(text, *model.tokenizer),
               seconds());
  }

 private:
  std::chrono::steady_clock::time_point start_;
};

void compare(Evaluation& it, const std::string& reference_path, bool as_json) {
  const OpenedModel reference = open_model(reference_path);
  require_same_tokens(it.model, reference, reference_path);
  const auto other = load_model(it.target, reference, it.options.context, it.control);
  it.begin();
  const DivergenceResult result = evaluate_divergence(*it.running, *other, it.text, it.options, it.control);
  end_progress();
  if (as_json) {
    OrderedJson json = it.json();
    json.update(to_json(result.model));
    json["reference"] = {{"model", reference_path}, {"perplexity", result.reference.perplexity}};
    json["kl_divergence"] = result.mean_kl;
    json["kl_standard_error"] = result.standard_error;
    json["top1_agreement"] = result.top1_agreement;
    json["seconds"] = it.seconds();
    json["memory"] = memory_json(it.target, std::array<const OpenedModel*, 2>{&it.model, &reference},
                                 it.options.context, nullptr);
    return print_json(json);
  }
  fmt::print("perplexity       {:.4f} (reference {:.4f})\n", result.model.perplexity,
             result.reference.perplexity);
  fmt::print("KL divergence    {:.5g} nats per token, standard error {:.2g}\n", result.mean_kl,
             result.standard_error);
  fmt::print("top-1 agreement  {:.2f} %\n", 100 * result.top1_agreement);
  it.print_how(result.model.tokens, result.model.windows);
}

void measure(Evaluation& it, bool as_json) {
  it.begin();
  const PerplexityResult result = evaluate_perplexity(*it.running, it.text, it.options, it.control);
  end_progress();
  if (as_json) {
    OrderedJson json = it.json();
    json.update(to_json(result));
    json["seconds"] = it.seconds();
    json["memory"] =
        memory_json(it.target, std::array<const OpenedModel*, 1>{&it.model}, it.options.context, nullptr);
    return print_json(json);
  }
  fmt::print("perplexity       {:.4f} ({:.5f} nats per token, standard error {:.2g})\n", result.perplexity,
             result.mean_nll, result.standard_error);
  it.print_how(result.tokens, result.windows);
}

void run(const Options& options) {
  Evaluation evaluation(options);
  if (const auto reference = options.text("--reference"))
    compare(evaluation, *reference, options.json());
  else
    measure(evaluation, options.json());
}

} // namespace

Verb evaluate_verb() {
  return {{"evaluate",
           "MODEL",
           "measures perplexity on a text, and divergence from a reference model",
           {{"--text", "FILE", "text to evaluate on"},
            {"--reference", "MODEL", "measure KL divergence and top-1 agreement against this model too"},
            {"--context", "N", "tokens a window (default 512, at most the model's)"},
            kv_cache_option(),
            {"--quick", "", "on a fixed sample of the text of about 8192 tokens"},
            device_option()}},
          run};
}

} // namespace intarsia::cli
