// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/generator.h"

#include <algorithm>
#include <chrono>

#include "core/base/error.h"
#include "core/text/utf8_stream.h"

namespace intarsia {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Tokens of the prompt that the sequence holds already. The last is always computed again: its logits are
// needed.
std::size_t reusable(const std::vector<int>& cached, const std::vector<int>& prompt, std::size_t in_cache) {
  const std::size_t most = std::min({cached.size(), prompt.size() - 1, in_cache});
  std::size_t same = 0;
  while (same < most && cached[same] == prompt[same]) ++same;
  return same;
}

// Computes `tokens` and draws the next one, on the sequence's device where that can.
int next_token(Sequence& sequence, Sampler& sampler, std::span<const int> tokens,
               std::span<const int> history, const std::stop_token& stop) {
  const SamplingSettings& settings = sampler.settings();
  if (auto* drawing = dynamic_cast<DrawingSequence*>(&sequence); drawing && drawing->can_draw(settings))
    return drawing->next_token(tokens, settings, sampler.next_draw(), history, stop);
  return sampler.sample(sequence.forward(tokens, true, stop), history);
}

} // namespace

GenerationResult generate(Sequence& sequence, std::vector<int>& cached_tokens, const Tokenizer& tokenizer,
                          const GenerationRequest& request,
                          const std::function<void(std::string_view)>& on_text, std::stop_token stop) {
  if (request.prompt.empty()) throw Error(ErrorKind::usage, "the prompt is empty");
  if (auto* elsewhere = dynamic_cast<GeneratingSequence*>(&sequence))
    return elsewhere->generate(cached_tokens, request, on_text, std::move(stop));
  GenerationResult result;
  result.prompt_tokens = request.prompt.size();
  result.reused_tokens = reusable(cached_tokens, request.prompt, sequence.length());
  sequence.truncate(result.reused_tokens);
  cached_tokens.resize(result.reused_tokens);

  Sampler sampler(request.sampling);
  Utf8Stream characters;
  std::vector<int> history = request.prompt;
  const auto emit = [&](const std::string& piece) {
    if (piece.empty()) return;
    result.text += piece;
    if (on_text) on_text(piece);
  };
  std::span<const int> next = std::span(history).subspan(result.reused_tokens);
  auto start = Clock::now();
  result.reason = StopReason::token_limit;
  try {
    while (result.tokens.size() < request.max_tokens) {
      if (sequence.length() + next.size() > sequence.capacity()) {
        if (result.tokens.empty())
          throw Error(ErrorKind::usage, "the prompt of " + std::to_string(result.prompt_tokens) +
                                            " tokens does not fit the context of " +
                                            std::to_string(sequence.capacity()) + " tokens");
        result.reason = StopReason::context_full;
        break;
      }
      const int token = next_token(sequence, sampler, next, history, stop);
      cached_tokens.insert(cached_tokens.end(), next.begin(), next.end());
      if (result.tokens.empty()) {
        result.prefill_seconds = seconds_since(start);
        start = Clock::now();
      }
      result.tokens.push_back(token);
      history.push_back(token);
      if (request.on_token) request.on_token(token);
      if (std::find(request.stop_tokens.begin(), request.stop_tokens.end(), token) !=
          request.stop_tokens.end()) {
        result.reason = StopReason::end_of_text;
        break;
      }
      emit(characters.push(tokenizer.is_control(token) ? "" : tokenizer.token_bytes(token)));
      next = std::span(history).last(1);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::cancelled) throw;
    sequence.truncate(cached_tokens.size()); // a chunk of a long prompt may have gone in before the stop
    result.reason = StopReason::stopped;
  }
  emit(characters.finish());
  result.decode_seconds = result.tokens.empty() ? 0 : seconds_since(start);
  return result;
}

} // namespace intarsia
