// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A conversation with a loaded model: template, cache and history in one place.
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

// What to do with a conversation that has outgrown the context.
enum class WhenFull {
  drop_oldest, // the model is no longer shown the oldest questions and answers; the system message stays
  refuse,      // Error{usage}, and the question is forgotten
};

struct ReplyOptions {
  std::size_t max_tokens = 256;
  SamplingSettings sampling;
  std::vector<std::string> stop_texts;          // an answer ends before the first of them
  std::optional<std::size_t> log_probabilities; // see GenerationRequest
  WhenFull when_full = WhenFull::drop_oldest;
  OrderedJson template_arguments{}; // an object: enable_thinking, whatever the model's template reads
};

// Tokens that end an answer: the model's own, and the end-of-turn tokens of chat formats whose files forget
// to say so.
std::vector<int> stop_tokens_of(const ModelConfig& config, const Tokenizer& tokenizer);

class Conversation {
 public:
  // Tokenizer and model must outlive it. `context`: tokens that the cache has room for.
  Conversation(const Tokenizer& tokenizer, LanguageModel& model, std::size_t context, std::string system);

  void remember(const std::string& question, const std::string& answer); // of another conversation, before
  void drop_last_turn(); // forgets the last question and its answer
  const std::vector<ChatMessage>& messages() const { return messages_; }
  std::size_t context_used() const { return cached_tokens_.size(); }
  std::size_t context_size() const { return sequence_->capacity(); }
  // Messages that the model was not shown at the last reply, because the context was full.
  std::size_t dropped_messages() const { return dropped_messages_; }
  // One sentence where a generic format stands in for the model's own chat template; empty: it does not.
  const std::string& template_problem() const { return prompt_.problem(); }

  // On an Error (the message is too long, or the template refuses it) the question is forgotten, and the
  // conversation can go on.
  GenerationResult reply(const std::string& message, const ReplyOptions& options, const OnText& on_text,
                         std::stop_token stop);
  GenerationResult reply(const std::string& message, std::size_t max_tokens, const SamplingSettings& sampling,
                         const OnText& on_text, std::stop_token stop);

  // Goes on with a text as it stands, outside the conversation and without a template.
  GenerationResult complete(const std::string& text, const ReplyOptions& options, const OnText& on_text,
                            std::stop_token stop);
  GenerationResult complete(const std::string& text, std::size_t max_tokens, const SamplingSettings& sampling,
                            const OnText& on_text, std::stop_token stop);

 private:
  ChatTokens prompt_that_fits(const ReplyOptions& options); // leaves room for the answer
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
