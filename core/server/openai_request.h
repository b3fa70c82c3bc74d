// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Request bodies of /v1/chat/completions and /v1/completions (platform.openai.com/docs/api-reference). A
// field that is not supported is an error that names it, not ignored.
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
  std::string model; // empty: the one that is served
  // Of a chat completion: input of the chat template. Of a completion: prompts, as texts or as tokens.
  ChatRequest chat;
  std::vector<std::variant<std::string, std::vector<int>>> prompts;

  std::optional<std::size_t> max_tokens;
  std::size_t choices = 1; // of each prompt
  bool stream = false, include_usage = false, echo = false;
  bool drop_oldest = false;   // drop the oldest messages when the context is full ("truncation": "auto")
  bool thoughts_apart = true; // of a chat: not part of the content ("reasoning_format")
  SamplingSettings sampling;
  bool seeded = false; // the request has a "seed"
  std::vector<std::string> stop_texts;
  std::optional<std::size_t> log_probabilities;
};

// Throw ApiError with status 400 that names the field.
CompletionRequest chat_request(const Json& body);
CompletionRequest text_request(const Json& body);

} // namespace intarsia::server
