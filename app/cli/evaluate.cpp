// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/evaluation/evaluation.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "app/cli/place.h"
#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/worker/messages.h"
#include "core/worker/worker_jobs.h"

namespace intarsia::cli {
namespace {

// Token by token, a comparison means something only when both read the same tokens.
void require_same_tokens(const OpenedModel& model, const OpenedModel& reference, const std::string& path) {
  if (!reference.tokenizer || reference.tokenizer->spec().tokens == model.tokenizer->spec().tokens) return;
  throw input_error(path + ": has another tokenizer than the model; the two cannot be compared");
}

// What both ways to evaluate need; the model is loaded for as long as this lives.
struct Evaluation {
  std::string model_path, text;
  Place place;
  OpenedModel model;
  std::size_t context = 0;
  std::vector<int> tokens;
  int bos = -1;
  JobControl control;
  std::unique_ptr<LanguageModel> running;

  explicit Evaluation(const Options& options)
      : model_path(options.argument())
      , text(options.require("--text"))
      , place(chosen_place(options))
      , model(open_model(model_path))
      , control(make_control("evaluating")) {
    const std::size_t most = model.config().max_positions;
    context = options.count_or("--context", 2, most, std::min<std::size_t>(512, most));
    tokens = read_tokens(model, model_path, text);
    bos = window_bos(*model.tokenizer);
    model.kv_cache = chosen_kv_cache(options);
    running = load(model, place, control, context);
  }
  OrderedJson json() const { return {{"model", model_path}, {"text", text}, {"context", context}}; }
};

void compare(const Evaluation& it, const std::string& reference_path, bool as_json) {
  const OpenedModel reference = open_model(reference_path);
  require_same_tokens(it.model, reference, reference_path);
  const auto other = load(reference, it.place, it.control, it.context);
  const DivergenceResult result =
      divergence_anywhere(*it.running, *other, it.tokens, it.context, it.bos, it.control);
  end_progress();
  if (as_json) {
    OrderedJson json = it.json();
    json.update(to_json(result.model));
    json["reference"] = {{"model", reference_path}, {"perplexity", result.reference.perplexity}};
    json["kl_divergence"] = result.mean_kl;
    json["kl_standard_error"] = result.standard_error;
    json["top1_agreement"] = result.top1_agreement;
    json["memory"] = memory_of(it.place, std::array{&it.model, &reference}, it.context, nullptr);
    return print_json(json);
  }
  fmt::print("perplexity       {:.4f} (reference {:.4f}), {} tokens in windows of {}\n",
             result.model.perplexity, result.reference.perplexity, result.model.tokens, it.context);
  fmt::print("KL divergence    {:.5g} nats a token, standard error {:.2g}\n", result.mean_kl,
             result.standard_error);
  fmt::print("top-1 agreement  {:.2f} %\n", 100 * result.top1_agreement);
}

void measure(const Evaluation& it, bool as_json) {
  const PerplexityResult result = perplexity_anywhere(*it.running, it.tokens, it.context, it.bos, it.control);
  end_progress();
  if (as_json) {
    OrderedJson json = it.json();
    json.update(to_json(result));
    json["memory"] = memory_of(it.place, std::array{&it.model}, it.context, nullptr);
    return print_json(json);
  }
  fmt::print("perplexity {:.4f} ({:.5f} nats a token, standard error {:.2g}), {} tokens in windows of {}\n",
             result.perplexity, result.mean_nll, result.standard_error, result.tokens, it.context);
}

void run(const Options& options) {
  const Evaluation evaluation(options);
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
            device_option()}},
          run};
}

} // namespace intarsia::cli
