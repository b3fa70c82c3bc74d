// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Streams a continuation of a prompt.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "core/runtime/backend.h"
#include "core/runtime/generation.h"

namespace intarsia {

// A sequence that generates by itself: where it lives in another process, its logits need not travel.
class RemoteSequence : public Sequence {
 public:
  virtual GenerationResult generate(std::vector<int>& cached_tokens, const GenerationRequest& request,
                                    const std::function<void(std::string_view)>& on_text,
                                    std::stop_token stop) = 0;
};

// A sequence that draws tokens where its logits are: of a whole vocabulary one number travels.
class DrawingSequence : public Sequence {
 public:
  // Whether next_token() can draw so; asked for settings that are basic (SamplingSettings::is_basic). Else
  // logits come from forward(), and a Sampler draws.
  virtual bool can_draw(const SamplingSettings& settings) const = 0;
  // As forward(tokens, true, stop), and then Sampler::sample() with `draw`, its next_draw(): the same token,
  // but where rounding decides. At temperature 0 without a repetition penalty nothing is rounded; else a draw
  // may fall to the neighbour where it lies within about 1e-6 of two tokens' border.
  virtual int next_token(std::span<const int> tokens, const SamplingSettings& settings, double draw,
                         std::span<const int> history, std::stop_token stop) = 0;
};

// Text comes in pieces of whole UTF-8 characters, up to a stop text. Tokens already in `sequence` that equal
// the start of the prompt are kept (the rest is truncated), so a conversation is not computed again. A stop
// request ends with reason `stopped` and what was generated so far.
GenerationResult generate(Sequence& sequence, std::vector<int>& cached_tokens, const Tokenizer& tokenizer,
                          const GenerationRequest& request,
                          const std::function<void(std::string_view)>& on_text, std::stop_token stop);

} // namespace intarsia
