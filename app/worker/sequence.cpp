// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <cmath>

#include "app/worker/jobs.h"
#include "core/base/error.h"
#include "core/worker/messages.h"

namespace intarsia::worker {
namespace {

JobResult open(const JsonObject& request, JobContext& context) {
  LoadedModel& loaded = context.models.model(request, "model");
  const std::size_t capacity = request.count("capacity", 1, max_capacity);
  OpenSequence opened{request.count("model", 1, max_request_id), loaded.model->new_sequence(capacity), {}};
  return {{{"sequence", context.models.add(std::move(opened))}}, {}};
}

JobResult forward(const JsonObject& request, JobContext& context) {
  OpenSequence& opened = context.models.sequence(request);
  const std::size_t vocabulary = context.models.model_of(opened).model->config().vocabulary;
  const auto tokens = tokens_from(request, "tokens", vocabulary);
  if (tokens.empty()) throw Error(ErrorKind::usage, "the request: field \"tokens\" is empty");
  const bool last_only = request.boolean_or("last_only", true);
  const std::size_t rows = last_only ? 1 : tokens.size();
  if (rows > max_worker_payload_bytes / sizeof(float) / vocabulary)
    throw Error(ErrorKind::usage, "logits of " + std::to_string(rows) +
                                      " tokens are too much for one answer: ask for fewer at once");
  opened.cut(length_from(request, opened));
  const std::size_t before = opened.tokens.size();
  try {
    std::vector<float> logits = opened.sequence->forward(tokens, last_only, context.stop());
    if (std::any_of(logits.begin(), logits.end(), [](float logit) { return std::isnan(logit); }))
      throw input_error(
          "the model computes numbers that are not finite; its file is damaged, download it again");
    opened.tokens.insert(opened.tokens.end(), tokens.begin(), tokens.end());
    return {{{"rows", rows}, {"columns", vocabulary}}, std::move(logits)};
  } catch (...) {
    opened.cut(before); // a part of the tokens may have gone in
    throw;
  }
}

} // namespace

Job sequence_job() { return {{"model", "capacity"}, open}; }

Job close_job() {
  return {{"sequence"}, [](const JsonObject& request, JobContext& context) {
            context.models.close(request);
            return JobResult{};
          }};
}

Job forward_job() { return {{"sequence", "length", "tokens", "last_only"}, forward}; }

} // namespace intarsia::worker
