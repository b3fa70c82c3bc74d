// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A conversation with a loaded model: chat template, messages so far, and the KV cache of what was computed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/runtime/chat_prompt.h"
#include "core/runtime/generator.h"

namespace intarsia {

using OnText = std::function<void(std::string_view)>;

// What to do when the conversation no longer fits the context.
enum class WhenFull {
  drop_oldest, // leave the oldest messages and responses out of the prompt; the system message stays
  refuse,      // throw Error{usage}; the new message is removed again
};

struct ReplyOptions {
  std::size_t max_tokens = 256;
  SamplingSettings sampling{};
  std::vector<std::string> stop_texts{};          // the response ends before the first of them
  std::optional<std::size_t> log_probabilities{}; // see GenerationRequest
  WhenFull when_full = WhenFull::drop_oldest;
  OrderedJson template_arguments{}; // an object with variables of the chat template, such as enable_thinking
};

// Tokens that end a response: those of the config and the tokenizer, and the end-of-turn tokens of common
// chat formats, which some models' files do not list.
std::vector<int> stop_tokens_of(const ModelConfig& config, const Tokenizer& tokenizer);

class Conversation {
 public:
  // Tokenizer and model must outlive it. `context`: tokens that the KV cache has room for. `system`: the
  // system message; empty: none.
  Conversation(const Tokenizer& tokenizer, LanguageModel& model, std::size_t context, std::string system);

  // Adds a message and its response, as of an earlier conversation that is continued.
  void add_turn(const std::string& message, const std::string& response);
  void drop_last_turn(); // removes the last message and its response
  const std::vector<ChatMessage>& messages() const { return messages_; }
  std::size_t context_used() const { return cached_tokens_.size(); } // tokens
  std::size_t context_size() const { return sequence_->capacity(); }
  // Messages that the last prompt left out, because the context was full.
  std::size_t dropped_messages() const { return dropped_messages_; }
  // See ChatPrompt::problem().
  const std::string& template_problem() const { return prompt_.problem(); }

  // Generates the response to `message` and adds both. `on_text` gets its text in pieces and may be empty.
  // After an Error (the message is too long, or the template rejects it) the message is removed again and the
  // conversation can be continued.
  GenerationResult reply(const std::string& message, const ReplyOptions& options, const OnText& on_text,
                         std::stop_token stop);

  // Continues a text, without a template and outside the conversation.
  GenerationResult complete(const std::string& text, const ReplyOptions& options, const OnText& on_text,
                            std::stop_token stop);

 private:
  ChatTokens prompt_that_fits(const ReplyOptions& options); // leaves room for the response
  GenerationResult run(std::vector<int> prompt, const ReplyOptions& options, const OnText& on_text,
                       std::stop_token stop);

  const Tokenizer& tokenizer_;
  std::unique_ptr<Sequence> sequence_;
  ChatPrompt prompt_;
  std::vector<ChatMessage> messages_;
  std::vector<int> cached_tokens_, stop_tokens_;
  std::size_t dropped_messages_ = 0;
};

} // namespace intarsia
