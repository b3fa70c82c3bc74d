// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/chat_template.h"

#include "core/base/error.h"
#include "core/text/jinja/interpreter.h"

namespace intarsia {
namespace {

jinja::Value value_of(const OrderedJson& json) {
  switch (json.type()) {
  case OrderedJson::value_t::boolean:
    return json.get<bool>();
  case OrderedJson::value_t::number_integer:
    return json.get<std::int64_t>();
  case OrderedJson::value_t::number_unsigned:
    if (json.get<std::uint64_t>() > std::uint64_t(INT64_MAX)) return json.get<double>();
    return json.get<std::int64_t>();
  case OrderedJson::value_t::number_float:
    return json.get<double>();
  case OrderedJson::value_t::string:
    return json.get<std::string>();
  case OrderedJson::value_t::array: {
    jinja::List items;
    for (const OrderedJson& item : json) items.push_back(value_of(item));
    return items;
  }
  case OrderedJson::value_t::object: {
    jinja::Dict fields;
    for (const auto& [key, item] : json.items()) fields.emplace_back(key, value_of(item));
    return fields;
  }
  default:
    return jinja::None{};
  }
}

void need_object(const OrderedJson& json, const char* what) {
  if (!json.is_null() && !json.is_object())
    throw Error(ErrorKind::usage, std::string(what) + " are not a JSON object");
}

jinja::Value value_of(const ChatMessage& message) {
  need_object(message.fields, "the further fields of a chat message");
  jinja::Dict fields{{"role", message.role}};
  if (!message.fields.contains("content")) jinja::assign(fields, "content", message.content);
  for (const auto& [key, item] : message.fields.items())
    if (key != "role") jinja::assign(fields, key, value_of(item));
  return fields;
}

} // namespace

struct ChatTemplate::Program {
  jinja::Body body;
};

ChatTemplate::ChatTemplate(const std::string& source)
    : program_(std::make_unique<Program>(Program{jinja::parse_template(source)})) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const ChatRequest& request) const {
  need_object(request.arguments, "the template's arguments");
  auto variables = jinja::global_functions(request.now);
  for (const auto& [name, text] : request.special_tokens) variables[name] = text;
  jinja::List messages;
  for (const ChatMessage& message : request.messages) messages.push_back(value_of(message));
  variables["messages"] = std::move(messages);
  variables["add_generation_prompt"] = request.add_generation_prompt;
  variables["tools"] = value_of(request.tools);
  variables["documents"] = value_of(request.documents);
  for (const auto& [name, value] : request.arguments.items()) variables[name] = value_of(value);
  return jinja::render(program_->body, std::move(variables));
}

std::string ChatTemplate::render(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                                 const std::string& bos_token, const std::string& eos_token) const {
  ChatRequest request;
  request.messages = messages;
  request.add_generation_prompt = add_generation_prompt;
  request.special_tokens = {{"bos_token", bos_token}, {"eos_token", eos_token}};
  return render(request);
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
