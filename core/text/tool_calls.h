// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Calls of tools in what a model writes, in the forms that common chat templates teach:
//   Hermes, Qwen:  text <tool_call>{"name": "f", "arguments": {…}}</tool_call> …
//   Llama 3:       {"name": "f", "parameters": {…}}     several with ";" between them, <|python_tag|> before
//   Mistral:       [TOOL_CALLS] [{"name": "f", "arguments": {…}}, …]
// Where the mark before the last two is a control token, it is not in the text: then the whole answer must be
// such JSON, and name tools that there are.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace intarsia {

struct ToolCall {
  std::string name, arguments; // arguments: a JSON object as text
};

struct AnswerWithCalls {
  std::string text;
  std::vector<ToolCall> calls;
};

// The names of tools as a request lists them: [{"type": "function", "function": {"name": …}}, …].
std::set<std::string> tool_names(const OrderedJson& tools);

// Reads an answer as it comes. What may still become a call is held back.
class ToolCallReader {
 public:
  explicit ToolCallReader(std::set<std::string> known)
      : known_(std::move(known)) {}

  std::string add(std::string_view text); // what is certainly text
  // The rest: calls, or text where it is none (malformed, or cut off).
  AnswerWithCalls finish();

 private:
  std::set<std::string> known_;
  std::string held_;
  bool begun_ = false; // some text was told
};

} // namespace intarsia
