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

class Conversation {
 public:
  // Both must outlive it. Throws Error when the tokenizer's chat template cannot be read.
  Conversation(const Tokenizer& tokenizer, LanguageModel& model, std::string system);

  void drop_last_turn(); // forgets the last question and its answer
  const std::vector<ChatMessage>& messages() const { return messages_; }
  std::size_t context_used() const { return cached_tokens_.size(); }
  std::size_t context_size() const { return sequence_->capacity(); }

  GenerationResult reply(const std::string& message, std::size_t max_tokens, const SamplingSettings& sampling,
                         const std::function<void(std::string_view)>& on_text, std::stop_token stop);

 private:
  std::string prompt_text() const;

  const Tokenizer& tokenizer_;
  std::unique_ptr<Sequence> sequence_;
  std::optional<ChatTemplate> template_;
  std::vector<ChatMessage> messages_;
  std::vector<int> cached_tokens_, stop_tokens_;
};

} // namespace intarsia
