// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <optional>

#include "app/worker/jobs.h"
#include "core/base/error.h"
#include "core/worker/messages.h"

namespace intarsia::worker {
namespace {

constexpr std::size_t max_alternatives = 1000; // a token's, for an answer of bounded size

// A line a token with the text it completes; a token in the middle of a character has none yet.
class TokenLines {
 public:
  explicit TokenLines(JobContext& context)
      : context_(context) {}

  void token(int id) {
    flush();
    waiting_ = id;
  }
  void text(std::string_view piece) {
    OrderedJson line;
    if (waiting_) line["token"] = *waiting_;
    line["text"] = std::string(piece);
    waiting_.reset();
    context_.event(std::move(line));
  }
  void flush() {
    if (waiting_) context_.event({{"token", *waiting_}});
    waiting_.reset();
  }

 private:
  JobContext& context_;
  std::optional<int> waiting_;
};

JobResult run(const JsonObject& request, JobContext& context) {
  OpenSequence& opened = context.models.sequence(request);
  const LoadedModel& loaded = context.models.model_of(opened);
  const std::size_t vocabulary = loaded.model->config().vocabulary;
  if (!loaded.opened.tokenizer) throw input_error("the model has no tokenizer; put tokenizer.json beside it");
  TokenLines lines(context);
  GenerationRequest generation;
  generation.prompt = tokens_from(request, "prompt", vocabulary);
  generation.max_tokens = request.count("max_tokens", 1, std::size_t(1) << 24);
  // A stop token may lie outside the vocabulary that a model computes: it is never sampled.
  if (request.has("stop_tokens")) generation.stop_tokens = tokens_from(request, "stop_tokens", INT32_MAX);
  if (request.has("stop_texts")) generation.stop_texts = strings_from(request, "stop_texts");
  if (request.has("log_probabilities"))
    generation.log_probabilities = request.count("log_probabilities", 0, max_alternatives);
  if (request.has("sampling")) generation.sampling = sampling_from(request.object("sampling"));
  generation.on_token = [&](int token) { lines.token(token); };
  opened.cut(length_from(request, opened));
  const GenerationResult result = generate(
      *opened.sequence, opened.tokens, *loaded.opened.tokenizer, generation,
      [&](std::string_view piece) { lines.text(piece); }, context.stop());
  lines.flush();
  OrderedJson json = to_json(result);
  json["length"] = opened.tokens.size();
  return {std::move(json), {}};
}

} // namespace

Job generate_job() {
  return {{"sequence", "length", "prompt", "max_tokens", "sampling", "stop_tokens", "stop_texts",
           "log_probabilities"},
          run};
}

} // namespace intarsia::worker
