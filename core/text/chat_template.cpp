// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/text/chat_template.h"

#include "core/text/jinja/interpreter.h"

namespace intarsia {

struct ChatTemplate::Program {
  jinja::Body body;
};

ChatTemplate::ChatTemplate(const std::string& source)
    : program_(std::make_unique<Program>(Program{jinja::parse_template(source)})) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                                 const std::string& bos_token, const std::string& eos_token) const {
  jinja::List list;
  for (const ChatMessage& message : messages)
    list.emplace_back(jinja::Dict{{"role", message.role}, {"content", message.content}});
  auto variables = jinja::global_functions();
  variables["messages"] = list;
  variables["add_generation_prompt"] = add_generation_prompt;
  variables["bos_token"] = bos_token;
  variables["eos_token"] = eos_token;
  variables["tools"] = jinja::None{};
  variables["documents"] = jinja::None{};
  return jinja::render(program_->body, std::move(variables));
}

std::string render_plain_chat(const std::vector<ChatMessage>& messages) {
  std::string text;
  for (const ChatMessage& message : messages) {
    const char* speaker = message.role == "user"        ? "User: "
                          : message.role == "assistant" ? "Assistant: "
                                                        : "";
    text += speaker + message.content + "\n";
  }
  return text + "Assistant:";
}

} // namespace intarsia
