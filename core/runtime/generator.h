// SPDX-License-Identifier: GPL-3.0-or-later
// Streams a continuation of a prompt.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/runtime/backend.h"
#include "core/runtime/sampler.h"
#include "core/text/tokenizer.h"

namespace intarsia {

enum class StopReason { end_of_text, token_limit, context_full, stopped };

struct GenerationResult {
  std::string text;
  std::vector<int> tokens; // generated, the end token included
  StopReason reason = StopReason::end_of_text;
  std::size_t prompt_tokens = 0; // all of the prompt
  std::size_t reused_tokens = 0; // of it, already in the cache
  double prefill_seconds = 0;    // time to the first token
  double decode_seconds = 0;
};

struct GenerationRequest {
  std::vector<int> prompt; // ids; at least one
  std::size_t max_tokens = 256;
  SamplingSettings sampling;
  std::vector<int> stop_tokens;      // generation ends when one is drawn; it is not part of the text
  std::function<void(int)> on_token; // called with each token drawn, before its text; may be empty
};

// A sequence that generates by itself: where it lives in another process, its logits need not travel.
class GeneratingSequence : public Sequence {
 public:
  virtual GenerationResult generate(std::vector<int>& cached_tokens, const GenerationRequest& request,
                                    const std::function<void(std::string_view)>& on_text,
                                    std::stop_token stop) = 0;
};

// A sequence that draws tokens where its logits are: of a whole vocabulary one number travels.
class DrawingSequence : public Sequence {
 public:
  // Whether next_token() can draw so; else logits come from forward(), and a Sampler draws.
  virtual bool can_draw(const SamplingSettings& settings) const = 0;
  // As forward(tokens, true, stop), and then Sampler::sample() with `draw`, its next_draw(): the same token,
  // but where rounding decides. At temperature 0 without a repetition penalty nothing is rounded; else a draw
  // may fall to the neighbour where it lies within about 1e-6 of two tokens' border.
  virtual int next_token(std::span<const int> tokens, const SamplingSettings& settings, double draw,
                         std::span<const int> history, std::stop_token stop) = 0;
};

// Text comes in pieces of whole UTF-8 characters. Tokens already in `sequence` that equal the start of the
// prompt are kept (the rest is truncated), so a conversation is not computed again. A stop request ends with
// reason `stopped` and what was generated so far.
GenerationResult generate(Sequence& sequence, std::vector<int>& cached_tokens, const Tokenizer& tokenizer,
                          const GenerationRequest& request,
                          const std::function<void(std::string_view)>& on_text, std::stop_token stop);

} // namespace intarsia
