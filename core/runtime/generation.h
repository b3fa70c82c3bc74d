// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The state of one response that is being generated: its tokens, its text, and when it ends. It samples from
// logits that others compute: generate() (core/runtime/generator.h) for one sequence, the server's scheduler
// for several.
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
  std::size_t prompt_tokens = 0;          // length of the prompt
  std::size_t reused_tokens = 0;          // of the prompt, that the KV cache held already
  double prefill_seconds = 0;             // time to the first token
  double decode_seconds = 0;              // from the first token to the last
  std::string stop_text = {};             // the request's stop text that ended it; empty: none
  std::vector<SampledToken> sampled = {}; // one per token, where the request asks for log-probabilities
};

struct GenerationRequest {
  std::vector<int> prompt; // ids; at least one
  std::size_t max_tokens = 256;
  SamplingSettings sampling;
  std::vector<int> stop_tokens;        // generation ends when one is sampled; its text is left out
  std::function<void(int)> on_token;   // called with each sampled token, before its text; may be empty
  std::vector<std::string> stop_texts; // the text ends before the first of them, with StopReason::end_of_text
  // Number of likeliest tokens whose log-probabilities are reported beside the sampled token's; 0: its own
  // alone; absent: none are reported.
  std::optional<std::size_t> log_probabilities;
};

// Tokens at the beginning of `prompt` that need not be computed by a sequence which holds `cached`: their
// common prefix, at most all but the last token, whose logits are needed.
std::size_t reusable_tokens(std::span<const int> cached, std::span<const int> prompt);

class Generation {
 public:
  using OnText = std::function<void(std::string_view)>;

  // `on_text` gets the text in pieces of whole UTF-8 characters, held back while they may be the beginning of
  // a stop text; may be empty. The tokenizer must outlive it. Throws Error{usage} for an empty prompt or
  // settings out of range.
  Generation(GenerationRequest request, const Tokenizer& tokenizer, OnText on_text);

  const GenerationRequest& request() const { return request_; }
  std::span<const int> tokens() const { return history_; } // the prompt and the tokens generated so far

  // Samples the next token from `logits`, [vocabulary], which belong to the last of tokens(), and appends it.
  void sample(std::span<const float> logits);
  // Appends a token that was sampled elsewhere, by sampler().next_uniform().
  void append(int token);
  Sampler& sampler() { return sampler_; }
  // Whether the settings need the logits themselves, so that no device can sample by itself.
  bool needs_logits() const { return request_.log_probabilities || !request_.sampling.is_basic(); }

  bool ended() const { return ended_; }
  void end(StopReason reason); // ends it early; text that was held back is passed on
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
