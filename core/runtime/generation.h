// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One response in the making: tokens drawn from logits, the text they give, and where it ends. It computes no
// logits: generate() (core/runtime/generator.h) does for one sequence, the server's scheduler for several.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/runtime/sampler.h"
#include "core/runtime/stop_text.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8_stream.h"

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
  std::string stop_text = {};         // the one of the request's that ended it; empty: none
  std::vector<DrawnToken> drawn = {}; // a token each, where the request asks for log-probabilities
};

struct GenerationRequest {
  std::vector<int> prompt; // ids; at least one
  std::size_t max_tokens = 256;
  SamplingSettings sampling;
  std::vector<int> stop_tokens;      // generation ends when one is drawn; it is not part of the text
  std::function<void(int)> on_token; // called with each token drawn, before its text; may be empty
  std::vector<std::string>
      stop_texts; // generation ends before the first of them; see StopReason::end_of_text
  // Alternatives whose log-probabilities are reported with each token's; 0: the token's alone.
  std::optional<std::size_t> log_probabilities;
};

class Generation {
 public:
  using OnText = std::function<void(std::string_view)>;

  // `on_text` gets whole UTF-8 characters that no stop text can still take back; may be empty. The tokenizer
  // must outlive it. Throws Error{usage} for an empty prompt or settings out of range.
  Generation(GenerationRequest request, const Tokenizer& tokenizer, OnText on_text);

  const GenerationRequest& request() const { return request_; }
  std::span<const int> tokens() const { return history_; } // the prompt and what was generated so far

  // Draws the token behind tokens() from its logits, and goes on with it.
  void draw(std::span<const float> logits);
  // Goes on with a token that was drawn elsewhere, with sampler().next_draw().
  void take(int token);
  Sampler& sampler() { return sampler_; }
  bool needs_logits() const { return request_.log_probabilities || !request_.sampling.is_basic(); }

  bool ended() const { return ended_; }
  void end(StopReason reason); // from outside; text held back comes out
  GenerationResult& result() { return result_; }

 private:
  bool is_stop(int token) const;

  GenerationRequest request_;
  const Tokenizer& tokenizer_;
  Sampler sampler_;
  Utf8Stream characters_;
  StopText text_;
  std::vector<int> history_;
  GenerationResult result_;
  bool ended_ = false;
};

} // namespace intarsia
