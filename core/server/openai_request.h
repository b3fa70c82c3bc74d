// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Bodies of /v1/chat/completions and /v1/completions. Every field is understood or refused by its name.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/json.h"
#include "core/runtime/generation.h"
#include "core/text/chat_template.h"

namespace intarsia::server {

struct CompletionRequest {
  std::string model; // empty: whichever is there
  // What the chat template is told; or prompts, as texts or as tokens.
  ChatRequest chat;
  std::vector<std::variant<std::string, std::vector<int>>> prompts;

  std::optional<std::size_t> max_tokens;
  std::size_t choices = 1; // of each prompt
  bool stream = false, include_usage = false, echo = false;
  bool drop_oldest = false; // messages, where the context is full ("truncation": "auto")
  SamplingSettings sampling;
  bool seeded = false; // by the client
  std::vector<std::string> stop_texts;
  std::optional<std::size_t> log_probabilities;
};

// Throw ApiError 400 naming the field.
CompletionRequest chat_request(const Json& body);
CompletionRequest text_request(const Json& body);

} // namespace intarsia::server
