// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Answers in the shape of OpenAI's API, whole and as the chunks of a stream.
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
  // `chat`: of /v1/chat/completions, else of /v1/completions. The tokenizer must outlive it.
  ResponseWriter(bool chat, std::string model, const Tokenizer& tokenizer, bool log_probabilities,
                 bool include_usage);

  // One choice of a whole answer, from all of its pieces.
  OrderedJson choice(std::size_t index, const std::string& text, const std::vector<DrawnToken>& drawn,
                     StopReason reason, const std::vector<ToolCall>& calls) const;
  OrderedJson whole(std::vector<OrderedJson> choices, const Usage& usage) const;

  // Chunks of a stream.
  OrderedJson opening(std::size_t index) const; // of a chat: the role
  // Text, and the reason where it is the last; `called`: tools, in a chunk before.
  OrderedJson piece(const Piece& piece, bool called = false);
  OrderedJson calls_chunk(std::size_t index, const std::vector<ToolCall>& calls) const;
  OrderedJson usage_chunk(const Usage& usage) const;

 private:
  OrderedJson envelope(const char* object) const;
  OrderedJson chunk(OrderedJson choice) const;
  OrderedJson log_probabilities_of(std::size_t index, const std::vector<DrawnToken>& drawn) const;
  std::string token_text(int token) const;

  const bool chat_;
  const std::string id_, model_;
  const std::int64_t created_;
  const Tokenizer& tokenizer_;
  const bool log_probabilities_, include_usage_;
  mutable std::vector<std::size_t> text_offsets_; // of /v1/completions' log-probabilities, by choice
};

const char* finish_reason(StopReason reason, bool called); // "stop", "tool_calls" or "length"
std::string random_id();                                   // 24 letters and digits

} // namespace intarsia::server
