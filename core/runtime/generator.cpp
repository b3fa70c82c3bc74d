// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/generator.h"

#include <algorithm>
#include <chrono>

#include "core/base/error.h"

namespace intarsia {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Computes `tokens`, the end of what was said, and samples the next one: on the sequence's device where that
// is possible.
void next_token(Sequence& sequence, Generation& generation, std::span<const int> tokens,
                const std::stop_token& stop) {
  const SamplingSettings& settings = generation.request().sampling;
  if (auto* sampling = dynamic_cast<SamplingSequence*>(&sequence);
      sampling && !generation.needs_logits() && sampling->can_sample(settings))
    generation.append(sampling->next_token(tokens, settings, generation.sampler().next_uniform(),
                                           generation.tokens(), stop));
  else
    generation.sample(sequence.forward(tokens, true, stop));
}

Error too_long(std::size_t prompt, std::size_t capacity) {
  return Error(ErrorKind::usage, "the prompt of " + std::to_string(prompt) +
                                     " tokens does not fit the context of " + std::to_string(capacity) +
                                     " tokens: shorten it");
}

} // namespace

GenerationResult generate(Sequence& sequence, std::vector<int>& cached_tokens, const Tokenizer& tokenizer,
                          const GenerationRequest& request,
                          const std::function<void(std::string_view)>& on_text, std::stop_token stop) {
  if (request.prompt.empty()) throw Error(ErrorKind::usage, "the prompt is empty");
  if (auto* elsewhere = dynamic_cast<RemoteSequence*>(&sequence))
    return elsewhere->generate(cached_tokens, request, on_text, std::move(stop));
  Generation generation(request, tokenizer, on_text);
  if (request.prompt.size() > sequence.capacity()) throw too_long(request.prompt.size(), sequence.capacity());
  GenerationResult& result = generation.result();
  result.reused_tokens = std::min(reusable_tokens(cached_tokens, request.prompt), sequence.length());
  sequence.truncate(result.reused_tokens);
  cached_tokens.resize(result.reused_tokens);

  auto start = Clock::now();
  try {
    while (!generation.ended()) {
      const std::vector<int> next(generation.tokens().begin() + std::ptrdiff_t(cached_tokens.size()),
                                  generation.tokens().end());
      if (sequence.length() + next.size() > sequence.capacity()) {
        generation.end(StopReason::context_full);
        break;
      }
      next_token(sequence, generation, next, stop);
      cached_tokens.insert(cached_tokens.end(), next.begin(), next.end());
      if (result.tokens.size() == 1) {
        result.prefill_seconds = seconds_since(start);
        start = Clock::now();
      }
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::cancelled) throw;
    sequence.truncate(cached_tokens.size()); // a chunk of a long prompt may have gone in before the stop
    generation.end(StopReason::stopped);
  }
  result.decode_seconds = result.tokens.empty() ? 0 : seconds_since(start);
  return std::move(result);
}

} // namespace intarsia
