// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/evaluation/evaluation.h"

#include "app/worker/jobs.h"
#include "core/base/error.h"
#include "core/worker/messages.h"

namespace intarsia::worker {
namespace {

EvaluationText text_from(const JsonObject& request, const ModelConfig& config) {
  EvaluationText text;
  text.tokens = tokens_from(request, "tokens", config.vocabulary);
  if (request.has("bos")) text.bos = int(request.count("bos", 0, config.vocabulary - 1));
  if (!request.has("documents")) return text;
  text.documents.clear();
  for (const Json& start : request["documents"]) {
    const std::size_t least = text.documents.empty() ? 0 : text.documents.back() + 1;
    if (!start.is_number_unsigned() || start.get<std::size_t>() < least ||
        start.get<std::size_t>() >= text.tokens.size() || (least == 0 && start != 0))
      throw Error(ErrorKind::usage,
                  "the request: documents must be growing places among the tokens, from 0 on");
    text.documents.push_back(start.get<std::size_t>());
  }
  return text;
}

JobResult run(const JsonObject& request, JobContext& context) {
  LanguageModel& model = *context.models.model(request, "model").model;
  const EvaluationText text = text_from(request, model.config());
  const EvaluationOptions options{request.count("context", 2, model.config().max_positions),
                                  request.count_or("most", 0, INT64_MAX, 0)};
  if (!request.has("reference")) return {to_json(perplexity(model, text, options, context.control())), {}};
  LanguageModel& reference = *context.models.model(request, "reference").model;
  return {to_json(divergence(model, reference, text, options, context.control())), {}};
}

} // namespace

Job evaluate_job() { return {{"model", "reference", "tokens", "documents", "context", "most", "bos"}, run}; }

} // namespace intarsia::worker
