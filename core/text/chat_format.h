// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How a model is talked to: its own chat template, or a generic format where that cannot be used.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace intarsia {

// Formats that many models share, for models whose own template is missing or cannot be rendered.
enum class GenericChat { chatml, llama3, gemma, mistral, phi3, zephyr, plain };
const char* name_of(GenericChat format);
// The format whose special tokens the vocabulary has; else plain "User:" and "Assistant:" lines.
GenericChat generic_chat_of(const TokenizerSpec& spec);

struct RenderedChat {
  std::string text;
  bool add_special =
      false; // Tokenizer::EncodeOptions: a template writes the begin token itself, plain text does not
  std::string stop_text; // ends the response besides the stop tokens; empty: nothing does
  std::string notice;    // one sentence when a generic format stands in; empty: the model's own template
};

class ChatFormat {
 public:
  // Never throws for a template that cannot be read: render() then uses a generic format and says so.
  explicit ChatFormat(const TokenizerSpec& spec);

  // With tools, a template named "tool_use" is preferred, as transformers does. Throws Error{input} when the
  // template itself refuses the conversation (raise_exception); nothing else of a template is an error.
  // request.special_tokens is filled in here.
  RenderedChat render(ChatRequest request) const;

  // Whether the template knows the argument, as enable_thinking: it is named in its text.
  bool reads_argument(std::string_view name) const;

 private:
  struct Source {
    std::string name, text;
    std::optional<ChatTemplate> program; // none: it could not be parsed,
    std::string problem;                 // which is why
  };
  const Source* source_for(const ChatRequest& request) const;

  std::vector<Source> sources_;
  GenericChat generic_;
  std::map<std::string, std::string> special_tokens_;
};

// Models that think write their thoughts between two marks, as "<think>" and "</think>".
struct ThinkingMarks {
  std::string open, close;
};
const std::vector<ThinkingMarks>& thinking_marks();
// The marks of a thought that the prompt has opened and left open, so that the response begins inside it.
std::optional<ThinkingMarks> open_thought(std::string_view prompt);

} // namespace intarsia
