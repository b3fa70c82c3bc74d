// SPDX-License-Identifier: GPL-3.0-or-later
// A conversation with a loaded model: template, cache and history in one place.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/runtime/generator.h"
#include "core/text/chat_template.h"

namespace intarsia {

using OnText = std::function<void(std::string_view)>;

class Conversation {
 public:
  // Tokenizer and model must outlive it. `context`: tokens that the cache has room for. Throws Error when the
  // tokenizer's chat template cannot be read.
  Conversation(const Tokenizer& tokenizer, LanguageModel& model, std::size_t context, std::string system);

  void remember(const std::string& question, const std::string& answer); // of another conversation, before
  void drop_last_turn(); // forgets the last question and its answer
  const std::vector<ChatMessage>& messages() const { return messages_; }
  std::size_t context_used() const { return cached_tokens_.size(); }
  std::size_t context_size() const { return sequence_->capacity(); }

  // When the conversation has outgrown the context, the model is no longer shown its oldest questions and
  // answers; the system message stays. On an Error the question is forgotten.
  GenerationResult reply(const std::string& message, std::size_t max_tokens, const SamplingSettings& sampling,
                         const OnText& on_text, std::stop_token stop);

  // Goes on with a text as it stands, outside the conversation and without a template.
  GenerationResult complete(const std::string& text, std::size_t max_tokens, const SamplingSettings& sampling,
                            const OnText& on_text, std::stop_token stop);

 private:
  std::vector<int> tokens_of(const std::vector<ChatMessage>& messages) const;
  std::vector<int> prompt_that_fits(std::size_t room) const; // leaves `room` tokens for the answer
  GenerationResult run(GenerationRequest request, const std::string& stop_text, const OnText& on_text,
                       std::stop_token stop);

  const Tokenizer& tokenizer_;
  std::unique_ptr<Sequence> sequence_;
  std::optional<ChatTemplate> template_;
  std::vector<ChatMessage> messages_;
  std::vector<int> cached_tokens_, stop_tokens_;
};

} // namespace intarsia
