// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/evaluation/evaluation.h"

#include "app/worker/jobs.h"
#include "core/worker/messages.h"

namespace intarsia::worker {
namespace {

JobResult run(const JsonObject& request, JobContext& context) {
  LanguageModel& model = *context.models.model(request, "model").model;
  const ModelConfig& config = model.config();
  const auto tokens = tokens_from(request, "tokens", config.vocabulary);
  const std::size_t window = request.count("context", 2, config.max_positions);
  const int bos = request.has("bos") ? int(request.count("bos", 0, config.vocabulary - 1)) : -1;
  if (!request.has("reference"))
    return {to_json(perplexity(model, tokens, window, bos, context.control())), {}};
  LanguageModel& reference = *context.models.model(request, "reference").model;
  return {to_json(divergence(model, reference, tokens, window, bos, context.control())), {}};
}

} // namespace

Job evaluate_job() { return {{"model", "reference", "tokens", "context", "bos"}, run}; }

} // namespace intarsia::worker
