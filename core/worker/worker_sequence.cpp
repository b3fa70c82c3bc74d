// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/worker_sequence.h"

#include <algorithm>
#include <cstring>

#include "core/worker/messages.h"

namespace intarsia {

WorkerSequence::WorkerSequence(std::shared_ptr<WorkerClient> client, std::uint64_t generation,
                               std::uint64_t handle, std::size_t capacity, std::size_t vocabulary)
    : client_(std::move(client))
    , generation_(generation)
    , handle_(handle)
    , capacity_(capacity)
    , vocabulary_(vocabulary) {}

WorkerSequence::~WorkerSequence() { client_->release("close", "sequence", handle_, generation_); }

void WorkerSequence::truncate(std::size_t length) { length_ = std::min(length_, length); }

std::vector<float> WorkerSequence::forward(std::span<const int> tokens, bool last_only,
                                           std::stop_token stop) {
  if (tokens.empty()) return {};
  const auto answer = client_->call({{"do", "forward"},
                                     {"sequence", handle_},
                                     {"length", length_},
                                     {"tokens", std::vector<int>(tokens.begin(), tokens.end())},
                                     {"last_only", last_only}},
                                    {{}, std::move(stop)}, {}, generation_);
  std::vector<float> logits((last_only ? 1 : tokens.size()) * vocabulary_);
  if (answer.payload.size() != logits.size() * sizeof(float))
    throw Error(ErrorKind::internal, "the worker's logits have another size than was asked for");
  std::memcpy(logits.data(), answer.payload.data(), answer.payload.size());
  length_ += tokens.size();
  return logits;
}

GenerationResult WorkerSequence::generate(std::vector<int>& cached_tokens, const GenerationRequest& request,
                                          const std::function<void(std::string_view)>& on_text,
                                          std::stop_token stop) {
  const std::size_t cached = std::min(length_, cached_tokens.size());
  const WorkerEvents events = [&](const JsonObject& event) {
    if (request.on_token && event.has("token")) request.on_token(int(event.count("token", 0, INT32_MAX)));
    if (on_text && event.has("text")) on_text(event.string("text"));
  };
  cached_tokens.clear(); // after a failure nobody knows what the worker still holds
  length_ = 0;
  OrderedJson message{{"do", "generate"},
                      {"sequence", handle_},
                      {"length", cached},
                      {"prompt", request.prompt},
                      {"max_tokens", request.max_tokens},
                      {"sampling", to_json(request.sampling)},
                      {"stop_tokens", request.stop_tokens},
                      {"stop_texts", request.stop_texts}};
  if (request.log_probabilities) message["log_probabilities"] = *request.log_probabilities;
  const auto answer = client_->call(std::move(message), {{}, std::move(stop)}, events, generation_);
  const JsonObject json(answer.result, "the worker's answer");
  GenerationResult result = generation_from(json);
  cached_tokens = request.prompt;
  cached_tokens.insert(cached_tokens.end(), result.tokens.begin(), result.tokens.end());
  length_ = json.count("length", 0, cached_tokens.size());
  cached_tokens.resize(length_);
  return result;
}

} // namespace intarsia
