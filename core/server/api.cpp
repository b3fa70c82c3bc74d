// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/api.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "core/base/error.h"
#include "core/runtime/conversation.h"
#include "core/server/api_error.h"
#include "core/text/utf8.h"

namespace intarsia::server {
namespace {

Json parse_body(const std::string& body) {
  try {
    return parse_json(body, "the request body");
  } catch (const Error& error) {
    throw bad_request(error.what(), "", "invalid_json");
  }
}

std::uint64_t fresh_seed() {
  std::random_device random;
  return (std::uint64_t(random()) << 31 ^ random()) & INT64_MAX;
}

// Messages up to the next question go; a system message stays. False where there is nothing to leave out.
bool drop_oldest(std::vector<ChatMessage>& messages) {
  const auto first = messages.begin() + (messages.front().role == "system" ? 1 : 0);
  if (first == messages.end()) return false;
  const auto next = std::find_if(first + 1, messages.end(),
                                 [](const ChatMessage& message) { return message.role == "user"; });
  if (next == messages.end()) return false;
  messages.erase(first, next);
  return true;
}

std::size_t size_of(const ChatRequest& chat) {
  std::size_t bytes = 0;
  for (const ChatMessage& message : chat.messages) bytes += message.content.size();
  return bytes;
}

} // namespace

Api::Api(Scheduler& scheduler, const Tokenizer& tokenizer, const ModelConfig& config, std::string name)
    : scheduler_(scheduler)
    , tokenizer_(tokenizer)
    , config_(config)
    , name_(std::move(name))
    , created_(std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count())
    , prompt_(tokenizer)
    , stop_tokens_(stop_tokens_of(config, tokenizer)) {
  for (std::size_t id = 0; id < tokenizer.size(); ++id)
    longest_token_ = std::max(longest_token_, tokenizer.token_bytes(int(id)).size());
}

void Api::check_model(const std::string& asked) const {
  if (asked.empty() || asked == name_) return;
  throw ApiError(404, "model_not_found",
                 "the model '" + asked + "' is not served here; the one that is: '" + name_ + "'", "model");
}

void Api::refuse_beyond_context(std::size_t tokens, bool at_least, const char* field) const {
  const std::size_t context = scheduler_.options().context;
  if (tokens < context) return;
  throw bad_request("this model's context is " + std::to_string(context) + " tokens, but '" + field +
                        "' has " + (at_least ? "at least " : "") + std::to_string(tokens) +
                        ": shorten it, or serve with a larger --context",
                    field, "context_length_exceeded");
}

// Without the work of splitting a text of megabytes that cannot fit.
void Api::refuse_long_text(std::size_t bytes, const char* field) const {
  refuse_beyond_context(bytes / longest_token_, true, field);
}

ChatTokens Api::chat_tokens(const CompletionRequest& request) const {
  ChatRequest chat = request.chat;
  const std::size_t context = scheduler_.options().context;
  const std::size_t room = std::min(request.max_tokens.value_or(context), context / 4);
  if (request.drop_oldest)
    while (size_of(chat) / longest_token_ >= context && drop_oldest(chat.messages)) {
    }
  refuse_long_text(size_of(chat), "messages");
  ChatTokens prompt = prompt_.tokens(chat);
  if (request.drop_oldest)
    while (prompt.tokens.size() + room > context && drop_oldest(chat.messages)) prompt = prompt_.tokens(chat);
  if (prompt.tokens.empty()) throw bad_request("'messages' make an empty prompt", "messages");
  refuse_beyond_context(prompt.tokens.size(), false, "messages");
  return prompt;
}

std::vector<int> Api::text_tokens(const std::variant<std::string, std::vector<int>>& prompt) const {
  std::vector<int> tokens;
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    refuse_long_text(text->size(), "prompt");
    tokens = tokenizer_.encode(*text);
  } else {
    tokens = std::get<std::vector<int>>(prompt);
  }
  for (const int token : tokens)
    if (std::size_t(token) >= config_.vocabulary)
      throw bad_request("'prompt' has token " + std::to_string(token) + ", but the vocabulary has " +
                            std::to_string(config_.vocabulary),
                        "prompt");
  if (tokens.empty()) throw bad_request("'prompt' is empty", "prompt");
  refuse_beyond_context(tokens.size(), false, "prompt");
  return tokens;
}

Completion Api::chat(const std::string& body) {
  CompletionRequest request = chat_request(parse_body(body));
  check_model(request.model);
  ChatTokens prompt = chat_tokens(request);
  for (std::string& text : prompt.stop_texts) request.stop_texts.push_back(std::move(text));
  const bool apart = request.thoughts_apart;
  Completion completion = start(std::move(request), {std::move(prompt.tokens)}, true);
  if (apart) completion.thoughts.assign(completion.ticket->choices(), prompt.thoughts);
  return completion;
}

Completion Api::text(const std::string& body) {
  CompletionRequest request = text_request(parse_body(body));
  check_model(request.model);
  std::vector<std::vector<int>> prompts;
  for (const auto& prompt : request.prompts) prompts.push_back(text_tokens(prompt));
  return start(std::move(request), std::move(prompts), false);
}

Completion Api::start(CompletionRequest request, std::vector<std::vector<int>> prompts, bool chat) {
  const std::uint64_t seed = request.seeded ? request.sampling.seed : fresh_seed();
  for (const auto& [token, bias] : request.sampling.logit_bias)
    if (std::size_t(token) >= config_.vocabulary)
      throw bad_request("'logit_bias' names token " + std::to_string(token) + ", but the vocabulary has " +
                            std::to_string(config_.vocabulary),
                        "logit_bias");
  std::vector<GenerationRequest> choices;
  std::vector<std::string> prefixes;
  for (const std::vector<int>& prompt : prompts)
    for (std::size_t i = 0; i < request.choices; ++i) {
      GenerationRequest generation;
      generation.prompt = prompt;
      generation.max_tokens = request.max_tokens.value_or(scheduler_.options().context);
      generation.sampling = request.sampling;
      generation.sampling.seed = (seed + i) & INT64_MAX;
      generation.stop_tokens = stop_tokens_;
      generation.stop_texts = request.stop_texts;
      generation.log_probabilities = request.log_probabilities;
      choices.push_back(std::move(generation));
      prefixes.push_back(request.echo ? tokenizer_.decode(prompt) : "");
    }
  const std::size_t count = choices.size();
  if (count > scheduler_.options().queue + scheduler_.options().parallel)
    throw bad_request("the request asks for " + std::to_string(count) + " choices, more than may wait here",
                      "n");
  ResponseWriter writer(chat, name_, tokenizer_, request.log_probabilities.has_value(),
                        request.include_usage);
  auto ticket = scheduler_.submit(std::move(choices));
  if (!ticket) {
    ApiError error(429, "rate_limit_exceeded", "too many requests are waiting: try again later");
    error.retry_after = scheduler_.retry_after_seconds();
    throw error;
  }
  std::vector<ToolCallReader> readers;
  if (const std::set<std::string> names = tool_names(request.chat.tools); !names.empty())
    readers.assign(count, ToolCallReader(names));
  return {std::move(request), std::move(prefixes), std::move(ticket), std::move(writer), {},
          std::move(readers)};
}

OrderedJson Api::tokenize(const std::string& body) const {
  const Json json = parse_body(body);
  if (!json.is_object()) throw bad_request("the request body must be a JSON object", "", "invalid_json");
  check_model(json.contains("model") && json["model"].is_string() ? json["model"].get<std::string>() : "");
  const char* field = json.contains("content") ? "content" : "prompt";
  if (!json.contains(field) || !json[field].is_string())
    throw bad_request("'content' must be a string: the text to split", "content",
                      "missing_required_parameter");
  Tokenizer::EncodeOptions options;
  for (const auto& [name, value] : json.items()) {
    if (name == "add_special" || name == "add_special_tokens" || name == "parse_special") {
      if (!value.is_boolean())
        throw bad_request("'" + name + "' must be true or false", name, "invalid_type");
      (name == "parse_special" ? options.parse_special : options.add_special) = value.get<bool>();
    } else if (name != field && name != "model") {
      throw bad_request("unknown field '" + name + "' in the request", name, "unknown_parameter");
    }
  }
  const std::vector<int> tokens = tokenizer_.encode(json[field].get<std::string>(), options);
  return {{"tokens", tokens}, {"count", tokens.size()}, {"max_model_len", scheduler_.options().context}};
}

OrderedJson Api::detokenize(const std::string& body) const {
  const Json json = parse_body(body);
  if (!json.is_object() || !json.contains("tokens") || !json["tokens"].is_array())
    throw bad_request("'tokens' must be a list of token ids", "tokens", "missing_required_parameter");
  std::vector<int> tokens;
  for (const Json& token : json["tokens"]) {
    if (!token.is_number_integer() || token.get<std::int64_t>() < 0 ||
        token.get<std::uint64_t>() >= tokenizer_.size())
      throw bad_request("'tokens' has an entry that is not a token of this model's", "tokens");
    tokens.push_back(token.get<int>());
  }
  return {{"content", to_valid_utf8(tokenizer_.decode(tokens, true))}};
}

OrderedJson Api::model(const std::string& name) const {
  check_model(name);
  return {{"id", name_},
          {"object", "model"},
          {"created", created_},
          {"owned_by", "intarsia"},
          {"max_model_len", scheduler_.options().context}};
}

OrderedJson Api::models() const { return {{"object", "list"}, {"data", OrderedJson::array({model(name_)})}}; }

} // namespace intarsia::server
