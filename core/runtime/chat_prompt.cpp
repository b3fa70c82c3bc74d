// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/chat_prompt.h"

#include "core/base/error.h"

namespace intarsia {

ChatPrompt::ChatPrompt(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer)
    , format_(tokenizer.spec()) {
  for (const ThinkingMarks& marks : thinking_marks())
    if (format_.reads_argument(marks.close)) marks_.push_back(marks);
  ChatRequest plainest;
  plainest.messages = {{"user", "Hello"}};
  try {
    problem_ = format_.render(std::move(plainest)).notice;
  } catch (const Error&) { // it refuses this; others it may take
  }
}

ChatTokens ChatPrompt::tokens(ChatRequest request) const {
  const RenderedChat rendered = format_.render(std::move(request));
  Tokenizer::EncodeOptions options;
  options.add_special = rendered.add_special;
  ChatTokens result{tokenizer_.encode(rendered.text, options), {}, ThoughtReader(), {}};
  if (!marks_.empty()) {
    const auto open = open_thought(rendered.text);
    if (open) result.begun = open->open + "\n";
    result.thoughts = ThoughtReader(marks_, open);
  }
  if (!rendered.stop_text.empty()) result.stop_texts.push_back(rendered.stop_text);
  return result;
}

} // namespace intarsia
