// SPDX-License-Identifier: GPL-3.0-or-later
// Renders a model's own chat template (Jinja as Hugging Face uses it), exactly as transformers does.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace intarsia {

struct ChatMessage {
  std::string role; // "system", "user", "assistant"
  std::string content;
};

class ChatTemplate {
 public:
  // Parses the template. Throws Error{input|unsupported} with the line in the template.
  explicit ChatTemplate(const std::string& source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // Loops and output are bounded: a hostile template ends in an Error, not in an endless loop.
  std::string render(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                     const std::string& bos_token, const std::string& eos_token) const;

 private:
  struct Program;
  std::unique_ptr<Program> program_;
};

// For models without a template: "User: …\nAssistant:" lines.
std::string render_plain_chat(const std::vector<ChatMessage>& messages);

} // namespace intarsia
