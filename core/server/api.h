// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The server's endpoints without HTTP: parses request bodies, submits generations to the scheduler, and
// describes the model.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/runtime/chat_prompt.h"
#include "core/server/openai_request.h"
#include "core/server/openai_response.h"
#include "core/server/scheduler.h"

namespace intarsia::server {

// A completion in progress; its generations are in the scheduler.
struct Completion {
  CompletionRequest request;
  std::vector<std::string> prefixes; // by choice: the prompt, where the request has "echo"
  std::shared_ptr<Ticket> ticket;
  ResponseWriter writer;
  std::vector<ThoughtReader> thoughts; // by choice, of a chat whose thoughts stand apart; else empty
  std::vector<ToolCallReader> readers; // by choice, where the request has tools; else empty
};

class Api {
 public:
  // All must outlive it. `name`: of the model in requests and responses.
  Api(Scheduler& scheduler, const Tokenizer& tokenizer, const ModelConfig& config, std::string name);

  // `body`: the request's JSON. Throw ApiError; 429 with retry_after where the queue is full.
  Completion chat(const std::string& body);
  Completion text(const std::string& body);
  OrderedJson tokenize(const std::string& body) const;
  OrderedJson detokenize(const std::string& body) const;

  OrderedJson models() const;
  OrderedJson model(const std::string& name) const;
  const std::string& name() const { return name_; }
  const ChatPrompt& prompt() const { return prompt_; }

 private:
  Completion start(CompletionRequest request, std::vector<std::vector<int>> prompts, bool chat);
  ChatTokens chat_tokens(const CompletionRequest& request) const;
  std::vector<int> text_tokens(const std::variant<std::string, std::vector<int>>& prompt) const;
  void refuse_beyond_context(std::size_t tokens, bool at_least, const char* field) const;
  void refuse_long_text(std::size_t bytes, const char* field) const;
  void check_model(const std::string& asked) const;

  Scheduler& scheduler_;
  const Tokenizer& tokenizer_;
  const ModelConfig& config_;
  const std::string name_;
  const std::int64_t created_;
  const ChatPrompt prompt_;
  const std::vector<int> stop_tokens_;
  std::size_t longest_token_ = 1; // of the vocabulary, in bytes
};

} // namespace intarsia::server
