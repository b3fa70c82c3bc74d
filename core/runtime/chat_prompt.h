// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// From the messages of a chat to the tokens that a model reads.
#pragma once

#include <string>
#include <vector>

#include "core/text/chat_format.h"
#include "core/text/tokenizer.h"

namespace intarsia {

struct ChatTokens {
  std::vector<int> tokens;             // with the beginning of an answer
  std::vector<std::string> stop_texts; // end an answer beside the model's own tokens
};

class ChatPrompt {
 public:
  explicit ChatPrompt(const Tokenizer& tokenizer); // which must outlive it

  // Throws Error{input} where the model's template refuses the conversation.
  ChatTokens tokens(ChatRequest request) const;
  // One sentence where a generic format stands in for the model's own template; empty: it does not.
  const std::string& problem() const { return problem_; }

 private:
  const Tokenizer& tokenizer_;
  const ChatFormat format_;
  std::string problem_;
};

} // namespace intarsia
