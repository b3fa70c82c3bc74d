// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Renders the messages of a chat by the model's chat template and tokenizes them.
#pragma once

#include <string>
#include <vector>

#include "core/text/chat_format.h"
#include "core/text/thought_reader.h"
#include "core/text/tokenizer.h"

namespace intarsia {

struct ChatTokens {
  std::vector<int> tokens;             // ends with the template's header of the response
  std::vector<std::string> stop_texts; // that end the response, in addition to the model's stop tokens
  ThoughtReader thoughts;              // for the response
  std::string begun; // mark of a thought that the prompt has begun and the response goes on with
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
  std::vector<ThinkingMarks> marks_; // of thoughts, those that the template names
  std::string problem_;
};

} // namespace intarsia
