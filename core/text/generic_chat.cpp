// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/generic_chat.h"

#include <algorithm>
#include <initializer_list>

namespace intarsia {
namespace {

struct Turn {
  std::string role, text; // role: system, user or assistant
};

// A message's text: its content, or the text parts of a content that is a list.
std::string text_of(const ChatMessage& message) {
  if (!message.fields.is_object() || !message.fields.contains("content")) return message.content;
  const OrderedJson& content = message.fields["content"];
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (content.is_array())
    for (const OrderedJson& part : content)
      if (part.is_object() && part.contains("text") && part["text"].is_string())
        text += part["text"].get<std::string>();
  return text;
}

std::vector<Turn> turns_of(const ChatRequest& request, bool has_system_role) {
  std::vector<Turn> turns;
  std::string system; // goes before the first question where the format has no such role
  for (const ChatMessage& message : request.messages) {
    const std::string role = message.role == "developer" ? "system"
                             : message.role == "tool"    ? "user"
                                                         : message.role;
    if (role == "system" && !has_system_role) {
      system += text_of(message) + "\n\n";
      continue;
    }
    turns.push_back({role, (role == "user" ? std::exchange(system, {}) : std::string()) + text_of(message)});
  }
  return turns;
}

std::string written(const ChatRequest& request, const char* token) {
  const auto found = request.special_tokens.find(token);
  return found == request.special_tokens.end() ? std::string() : found->second;
}

std::string chatml(const ChatRequest& request) {
  std::string text;
  for (const Turn& turn : turns_of(request, true))
    text += "<|im_start|>" + turn.role + "\n" + turn.text + "<|im_end|>\n";
  return request.add_generation_prompt ? text + "<|im_start|>assistant\n" : text;
}

std::string llama3(const ChatRequest& request) {
  std::string text = written(request, "bos_token");
  const auto header = [](const std::string& role) {
    return "<|start_header_id|>" + role + "<|end_header_id|>\n\n";
  };
  for (const Turn& turn : turns_of(request, true)) text += header(turn.role) + turn.text + "<|eot_id|>";
  return request.add_generation_prompt ? text + header("assistant") : text;
}

std::string gemma(const ChatRequest& request) {
  std::string text = written(request, "bos_token");
  for (const Turn& turn : turns_of(request, false))
    text += "<start_of_turn>" + (turn.role == "assistant" ? "model" : turn.role) + "\n" + turn.text +
            "<end_of_turn>\n";
  return request.add_generation_prompt ? text + "<start_of_turn>model\n" : text;
}

std::string mistral(const ChatRequest& request) {
  std::string text = written(request, "bos_token");
  for (const Turn& turn : turns_of(request, false))
    text += turn.role == "assistant" ? " " + turn.text + written(request, "eos_token")
                                     : "[INST] " + turn.text + " [/INST]";
  return text;
}

// "<|role|>\ntext" and an end, as Phi-3 and Zephyr have it.
std::string marked_roles(const ChatRequest& request, const std::string& end) {
  std::string text;
  for (const Turn& turn : turns_of(request, true)) text += "<|" + turn.role + "|>\n" + turn.text + end + "\n";
  return request.add_generation_prompt ? text + "<|assistant|>\n" : text;
}

} // namespace

const char* name_of(GenericChat format) {
  constexpr const char* names[] = {"ChatML", "Llama 3", "Gemma", "Mistral", "Phi-3", "Zephyr", "plain"};
  return names[std::size_t(format)];
}

GenericChat generic_chat_of(const TokenizerSpec& spec) {
  const auto has = [&](std::initializer_list<std::string_view> tokens) {
    return std::all_of(tokens.begin(), tokens.end(), [&](std::string_view token) {
      return std::find(spec.tokens.begin(), spec.tokens.end(), token) != spec.tokens.end();
    });
  };
  if (has({"<|im_start|>", "<|im_end|>"})) return GenericChat::chatml;
  if (has({"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"})) return GenericChat::llama3;
  if (has({"<start_of_turn>", "<end_of_turn>"})) return GenericChat::gemma;
  if (has({"[INST]", "[/INST]"})) return GenericChat::mistral;
  if (has({"<|user|>", "<|assistant|>", "<|end|>"})) return GenericChat::phi3;
  if (has({"<|user|>", "<|assistant|>"})) return GenericChat::zephyr;
  return GenericChat::plain;
}

RenderedChat render_generic_chat(GenericChat format, const ChatRequest& request) {
  switch (format) {
  case GenericChat::chatml:
    return {chatml(request), false, {}, {}};
  case GenericChat::llama3:
    return {llama3(request), false, {}, {}};
  case GenericChat::gemma:
    return {gemma(request), false, {}, {}};
  case GenericChat::mistral:
    return {mistral(request), false, {}, {}};
  case GenericChat::phi3:
    return {marked_roles(request, "<|end|>"), true, {}, {}};
  case GenericChat::zephyr:
    return {marked_roles(request, written(request, "eos_token")), true, {}, {}};
  case GenericChat::plain:
    break;
  }
  std::vector<ChatMessage> messages;
  for (const Turn& turn : turns_of(request, true)) messages.push_back({turn.role, turn.text});
  return {render_plain_chat(messages), true, "\nUser:", {}};
}

} // namespace intarsia
