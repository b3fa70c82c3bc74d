// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Renders a model's own chat template (Jinja as Hugging Face uses it), exactly as transformers does.
#pragma once

#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace intarsia {

struct ChatMessage {
  std::string role; // "system", "user", "assistant", "tool"
  std::string content;
  // Whatever else the message has, an object: tool_calls, tool_call_id, name, reasoning_content. A field
  // "content" in here (a list of parts, or null) stands in for the text above.
  OrderedJson fields{};
};

// Everything that a template may be told.
struct ChatRequest {
  std::vector<ChatMessage> messages;
  bool add_generation_prompt = true;
  OrderedJson tools{}, documents{}; // lists as transformers takes them; null: none
  OrderedJson arguments{};          // an object: enable_thinking, reasoning_effort, whatever a template reads
  std::map<std::string, std::string> special_tokens{}; // "bos_token": "<s>"; one that is missing is undefined
  std::optional<std::time_t> now{};                    // of strftime_now; absent: the clock's time
};

class ChatTemplate {
 public:
  // Parses the template. Throws Error{input|unsupported} with the line in the template.
  explicit ChatTemplate(const std::string& source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // Steps, depth and output are bounded: a hostile template ends in an Error, not in an endless loop. A
  // template that itself refuses the conversation (raise_exception) throws Error{input}.
  std::string render(const ChatRequest& request) const;
  std::string render(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                     const std::string& bos_token, const std::string& eos_token) const;

 private:
  struct Program;
  std::unique_ptr<Program> program_;
};

// For models without a template: "User: …\nAssistant:" lines.
std::string render_plain_chat(const std::vector<ChatMessage>& messages);

} // namespace intarsia
