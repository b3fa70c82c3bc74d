// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// JSON of OpenAI's completion and chat completion objects, whole and as chunks of a stream
// (platform.openai.com/docs/api-reference).
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/runtime/generation.h"
#include "core/server/ticket.h"
#include "core/text/tool_calls.h"

namespace intarsia::server {

struct Usage {
  std::size_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
};

class ResponseWriter {
 public:
  // `chat`: objects of /v1/chat/completions, else of /v1/completions. `model`: the name to report.
  // `log_probabilities` and `include_usage` as requested. The tokenizer must outlive it.
  ResponseWriter(bool chat, std::string model, const Tokenizer& tokenizer, bool log_probabilities,
                 bool include_usage);

  // One choice of a whole response, from all of its pieces, and the whole object.
  OrderedJson choice(std::size_t index, const std::string& text, const std::vector<SampledToken>& sampled,
                     StopReason reason, const std::vector<ToolCall>& calls,
                     const std::string& thought = {}) const;
  OrderedJson whole(std::vector<OrderedJson> choices, const Usage& usage) const;

  // Chunks of a stream.
  OrderedJson opening(std::size_t index) const; // of a chat: the chunk with the role
  // Text, and the finish reason in the last piece. `called`: an earlier chunk held tool calls.
  OrderedJson piece(const Piece& piece, bool called = false);
  OrderedJson thought_chunk(std::size_t index, const std::string& thought) const;
  OrderedJson calls_chunk(std::size_t index, const std::vector<ToolCall>& calls) const;
  OrderedJson usage_chunk(const Usage& usage) const;

 private:
  OrderedJson envelope(const char* object) const;
  OrderedJson chunk(OrderedJson choice) const;
  OrderedJson log_probabilities_of(std::size_t index, const std::vector<SampledToken>& sampled) const;
  std::string token_text(int token) const;

  const bool chat_;
  const std::string id_, model_;
  const std::int64_t created_;
  const Tokenizer& tokenizer_;
  const bool log_probabilities_, include_usage_;
  mutable std::vector<std::size_t> text_offsets_; // of log-probabilities in /v1/completions, by choice
};

const char* finish_reason(StopReason reason, bool called); // "stop", "tool_calls" or "length"
std::string random_id();                                   // 24 letters and digits

} // namespace intarsia::server
