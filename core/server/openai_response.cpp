// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/openai_response.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "core/text/utf8.h"

namespace intarsia::server {
namespace {

std::int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

OrderedJson bytes_of(const std::string& text) {
  OrderedJson bytes = OrderedJson::array();
  for (const char byte : text) bytes.push_back(int(static_cast<unsigned char>(byte)));
  return bytes;
}

OrderedJson usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

// `numbered`: as in a stream, where a call may come in parts.
OrderedJson calls_json(const std::vector<ToolCall>& calls, bool numbered) {
  OrderedJson list = OrderedJson::array();
  for (const ToolCall& call : calls) {
    OrderedJson json = OrderedJson::object();
    if (numbered) json["index"] = list.size();
    json["id"] = "call_" + random_id();
    json["type"] = "function";
    json["function"] = {{"name", call.name}, {"arguments", call.arguments}};
    list.push_back(std::move(json));
  }
  return list;
}

} // namespace

std::string random_id() {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::string id;
  while (id.size() < 24)
    id += letters[std::uniform_int_distribution<std::size_t>(0, letters.size() - 1)(random)];
  return id;
}

const char* finish_reason(StopReason reason, bool called) {
  if (reason != StopReason::end_of_text) return "length";
  return called ? "tool_calls" : "stop";
}

ResponseWriter::ResponseWriter(bool chat, std::string model, const Tokenizer& tokenizer,
                               bool log_probabilities, bool include_usage)
    : chat_(chat)
    , id_((chat ? "chatcmpl-" : "cmpl-") + random_id())
    , model_(std::move(model))
    , created_(unix_time())
    , tokenizer_(tokenizer)
    , log_probabilities_(log_probabilities)
    , include_usage_(include_usage) {}

std::string ResponseWriter::token_text(int token) const {
  return to_valid_utf8(tokenizer_.token_bytes(token));
}

// A list of objects in a chat; lists side by side in a completion.
OrderedJson ResponseWriter::log_probabilities_of(std::size_t index,
                                                 const std::vector<SampledToken>& sampled) const {
  if (!log_probabilities_) return nullptr;
  if (chat_) {
    const auto entry = [&](const TokenProbability& token) {
      return OrderedJson{{"token", token_text(token.token)},
                         {"logprob", token.log_probability},
                         {"bytes", bytes_of(tokenizer_.token_bytes(token.token))}};
    };
    OrderedJson content = OrderedJson::array();
    for (const SampledToken& token : sampled) {
      OrderedJson json = entry(token.sampled);
      json["top_logprobs"] = OrderedJson::array();
      for (const TokenProbability& other : token.top) json["top_logprobs"].push_back(entry(other));
      content.push_back(std::move(json));
    }
    return {{"content", std::move(content)}, {"refusal", nullptr}};
  }
  if (text_offsets_.size() <= index) text_offsets_.resize(index + 1);
  OrderedJson tokens = OrderedJson::array(), values = OrderedJson::array(), tops = OrderedJson::array(),
              offsets = OrderedJson::array();
  for (const SampledToken& token : sampled) {
    tokens.push_back(token_text(token.sampled.token));
    values.push_back(token.sampled.log_probability);
    OrderedJson top = OrderedJson::object();
    for (const TokenProbability& other : token.top) top[token_text(other.token)] = other.log_probability;
    tops.push_back(std::move(top));
    // In characters, which their first bytes count; a token that goes on with one belongs to it.
    const std::string bytes = tokenizer_.token_bytes(token.sampled.token);
    std::size_t& begun = text_offsets_[index];
    const bool goes_on = !bytes.empty() && is_continuation(bytes[0]) && begun > 0;
    offsets.push_back(goes_on ? begun - 1 : begun);
    begun += std::size_t(
        std::count_if(bytes.begin(), bytes.end(), [](char byte) { return !is_continuation(byte); }));
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(values)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

OrderedJson ResponseWriter::choice(std::size_t index, const std::string& text,
                                   const std::vector<SampledToken>& sampled, StopReason reason,
                                   const std::vector<ToolCall>& calls, const std::string& thought) const {
  OrderedJson json{{"index", index}};
  if (!chat_) {
    json["text"] = text;
  } else {
    const bool calls_alone = text.empty() && !calls.empty();
    json["message"] = {{"role", "assistant"},
                       {"content", calls_alone ? OrderedJson() : OrderedJson(text)},
                       {"refusal", nullptr}};
    if (!thought.empty()) json["message"]["reasoning_content"] = thought;
    if (!calls.empty()) json["message"]["tool_calls"] = calls_json(calls, false);
  }
  json["logprobs"] = log_probabilities_of(index, sampled);
  json["finish_reason"] = finish_reason(reason, !calls.empty());
  return json;
}

OrderedJson ResponseWriter::envelope(const char* object) const {
  return {{"id", id_},
          {"object", object},
          {"created", created_},
          {"model", model_},
          {"system_fingerprint", nullptr}};
}

OrderedJson ResponseWriter::whole(std::vector<OrderedJson> choices, const Usage& usage) const {
  OrderedJson json = envelope(chat_ ? "chat.completion" : "text_completion");
  json["choices"] = std::move(choices);
  json["usage"] = usage_json(usage);
  return json;
}

OrderedJson ResponseWriter::chunk(OrderedJson choice) const {
  OrderedJson json = envelope(chat_ ? "chat.completion.chunk" : "text_completion");
  json["choices"] = OrderedJson::array({std::move(choice)});
  if (include_usage_) json["usage"] = nullptr;
  return json;
}

OrderedJson ResponseWriter::opening(std::size_t index) const {
  return chunk({{"index", index},
                {"delta", {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}},
                {"logprobs", nullptr},
                {"finish_reason", nullptr}});
}

OrderedJson ResponseWriter::thought_chunk(std::size_t index, const std::string& thought) const {
  return chunk({{"index", index},
                {"delta", {{"reasoning_content", thought}}},
                {"logprobs", nullptr},
                {"finish_reason", nullptr}});
}

OrderedJson ResponseWriter::calls_chunk(std::size_t index, const std::vector<ToolCall>& calls) const {
  return chunk({{"index", index},
                {"delta", {{"tool_calls", calls_json(calls, true)}}},
                {"logprobs", nullptr},
                {"finish_reason", nullptr}});
}

OrderedJson ResponseWriter::piece(const Piece& piece, bool called) {
  OrderedJson json{{"index", piece.choice}};
  if (!chat_)
    json["text"] = piece.text;
  else if (piece.text.empty())
    json["delta"] = OrderedJson::object();
  else
    json["delta"] = {{"content", piece.text}};
  json["logprobs"] =
      piece.sampled.empty() ? OrderedJson() : log_probabilities_of(piece.choice, piece.sampled);
  json["finish_reason"] =
      piece.last ? OrderedJson(finish_reason(piece.result.reason, called)) : OrderedJson();
  return chunk(std::move(json));
}

OrderedJson ResponseWriter::usage_chunk(const Usage& usage) const {
  OrderedJson json = envelope(chat_ ? "chat.completion.chunk" : "text_completion");
  json["choices"] = OrderedJson::array();
  json["usage"] = usage_json(usage);
  return json;
}

} // namespace intarsia::server
