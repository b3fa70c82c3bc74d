// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Generates the response to a prompt and streams its text.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "core/runtime/backend.h"
#include "core/runtime/generation.h"

namespace intarsia {

// A sequence in another process, which generates there so that logits are not transferred. generate() below
// calls this for such a sequence; the contract is the same.
class RemoteSequence : public Sequence {
 public:
  virtual GenerationResult generate(std::vector<int>& cached_tokens, const GenerationRequest& request,
                                    const std::function<void(std::string_view)>& on_text,
                                    std::stop_token stop) = 0;
};

// A sequence on a device that samples there: one token is transferred instead of the vocabulary's logits.
class SamplingSequence : public Sequence {
 public:
  // Whether next_token() supports these settings, for which SamplingSettings::is_basic() holds. Else logits
  // are read by forward() and sampled by a Sampler.
  virtual bool can_sample(const SamplingSettings& settings) const = 0;
  // forward(tokens, true, stop) followed by Sampler::sample(), on the device. `uniform`:
  // Sampler::next_uniform(); `history`: all tokens, for the repetition penalty. The token is the Sampler's
  // except for rounding: at temperature 0 without a repetition penalty always, else unless `uniform` lies
  // within about 1e-6 of the border between two tokens' intervals.
  virtual int next_token(std::span<const int> tokens, const SamplingSettings& settings, double uniform,
                         std::span<const int> history, std::stop_token stop) = 0;
};

// `on_text` gets the text in pieces of whole UTF-8 characters, up to a stop text; it may be empty.
// `cached_tokens`: the tokens that `sequence` holds, which this function updates. Those that equal the
// beginning of the prompt are reused and the rest is truncated, so a conversation is not computed again. On
// `stop` the result is what was generated so far, with reason `stopped`. Throws Error{usage} for an empty
// prompt or one that exceeds the capacity.
GenerationResult generate(Sequence& sequence, std::vector<int>& cached_tokens, const Tokenizer& tokenizer,
                          const GenerationRequest& request,
                          const std::function<void(std::string_view)>& on_text, std::stop_token stop);

} // namespace intarsia
