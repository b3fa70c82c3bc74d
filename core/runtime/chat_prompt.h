// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Renders the messages of a chat by the model's chat template and tokenizes them.
#pragma once

#include <string>
#include <vector>

#include "core/text/chat_format.h"
#include "core/text/tokenizer.h"

namespace intarsia {

struct ChatTokens {
  std::vector<int> tokens;             // ends with the template's header of the response
  std::vector<std::string> stop_texts; // that end the response, in addition to the model's stop tokens
};

class ChatPrompt {
 public:
  explicit ChatPrompt(const Tokenizer& tokenizer); // which must outlive it

  // Throws Error{input} with the template's message where it rejects the conversation (raise_exception).
  ChatTokens tokens(ChatRequest request) const;
  // Why a generic format is used in place of the model's own template, a sentence; empty: its own is used.
  const std::string& problem() const { return problem_; }

 private:
  const Tokenizer& tokenizer_;
  const ChatFormat format_;
  std::string problem_;
};

} // namespace intarsia
