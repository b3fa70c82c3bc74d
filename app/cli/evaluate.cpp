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

void run(const Options& options) {
  const std::string text = options.require("--text");
  const Place place = chosen_place(options);
  const OpenedModel model = open_model(options.argument());
  const std::size_t most = model.config().max_positions;
  const auto context = options.count_or("--context", 2, most, std::min<std::size_t>(512, most));
  const auto tokens = read_tokens(model, options.argument(), text);
  const int bos = window_bos(*model.tokenizer);
  const JobControl control = make_control("evaluating");
  const auto running = load(model, place, control, context);
  OrderedJson json{{"model", options.argument()}, {"text", text}, {"context", context}};
  if (const auto reference_path = options.text("--reference")) {
    const OpenedModel reference = open_model(*reference_path);
    require_same_tokens(model, reference, *reference_path);
    const auto other = load(reference, place, control, context);
    const DivergenceResult result = divergence_anywhere(*running, *other, tokens, context, bos, control);
    end_progress();
    json.update(to_json(result.model));
    json["reference"] = {{"model", *reference_path}, {"perplexity", result.reference.perplexity}};
    json["kl_divergence"] = result.mean_kl;
    json["kl_standard_error"] = result.standard_error;
    json["top1_agreement"] = result.top1_agreement;
    if (options.json()) {
      json["memory"] = memory_of(place, std::array{&model, &reference}, context, nullptr);
      return print_json(json);
    }
    fmt::print("perplexity       {:.4f} (reference {:.4f}), {} tokens in windows of {}\n",
               result.model.perplexity, result.reference.perplexity, result.model.tokens, context);
    fmt::print("KL divergence    {:.5g} nats a token, standard error {:.2g}\n", result.mean_kl,
               result.standard_error);
    fmt::print("top-1 agreement  {:.2f} %\n", 100 * result.top1_agreement);
    return;
  }
  const PerplexityResult result = perplexity_anywhere(*running, tokens, context, bos, control);
  end_progress();
  json.update(to_json(result));
  if (options.json()) {
    json["memory"] = memory_of(place, std::array{&model}, context, nullptr);
    return print_json(json);
  }
  fmt::print("perplexity {:.4f} ({:.5f} nats a token, standard error {:.2g}), {} tokens in windows of {}\n",
             result.perplexity, result.mean_nll, result.standard_error, result.tokens, context);
}

} // namespace

Verb evaluate_verb() {
  return {{"evaluate",
           "MODEL",
           "measures perplexity on a text, and divergence from a reference model",
           {{"--text", "FILE", "text to evaluate on"},
            {"--reference", "MODEL", "measure KL divergence and top-1 agreement against this model too"},
            {"--context", "N", "tokens a window (default 512, at most the model's)"},
            device_option()}},
          run};
}

} // namespace intarsia::cli
