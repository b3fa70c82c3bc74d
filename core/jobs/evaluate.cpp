// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/evaluate.h"

#include "core/worker/messages.h"
#include "core/worker/worker_model.h"

namespace intarsia {
namespace {

constexpr const char* answer_name = "the worker's answer";

OrderedJson evaluation_request(const WorkerModel& model, const EvaluationText& text,
                               const EvaluationOptions& options) {
  OrderedJson request{{"do", "evaluate"},           {"model", model.handle()},
                      {"tokens", text.tokens},      {"documents", text.documents},
                      {"context", options.context}, {"most", options.max_tokens}};
  if (text.bos >= 0) request["bos"] = text.bos;
  return request;
}

} // namespace

PerplexityResult evaluate_perplexity(LanguageModel& model, const EvaluationText& text,
                                     const EvaluationOptions& options, const JobControl& control) {
  const auto* remote = dynamic_cast<const WorkerModel*>(&model);
  if (!remote) return perplexity(model, text, options, control);
  const auto answer = remote->call(evaluation_request(*remote, text, options), control);
  return perplexity_from(JsonObject(answer.result, answer_name));
}

DivergenceResult evaluate_divergence(LanguageModel& model, LanguageModel& reference,
                                     const EvaluationText& text, const EvaluationOptions& options,
                                     const JobControl& control) {
  const auto* remote = dynamic_cast<const WorkerModel*>(&model);
  const auto* other = dynamic_cast<const WorkerModel*>(&reference);
  if (!remote || !other || !remote->shares_worker_with(*other))
    return divergence(model, reference, text, options, control);
  OrderedJson request = evaluation_request(*remote, text, options);
  request["reference"] = other->handle();
  const auto answer = remote->call(std::move(request), control);
  return divergence_from(JsonObject(answer.result, answer_name));
}

} // namespace intarsia
