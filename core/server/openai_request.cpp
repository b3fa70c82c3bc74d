// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/openai_request.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/server/api_error.h"

namespace intarsia::server {
namespace {

constexpr std::size_t max_choices = 16, max_stop_texts = 16, max_stop_text = 1024, max_alternatives = 20;

// A body whose fields are taken one by one; null is the same as missing.
class Fields {
 public:
  explicit Fields(const Json& body)
      : body_(body) {
    if (!body.is_object()) throw bad_request("the request body must be a JSON object", "", "invalid_json");
  }

  const Json* find(const std::string& name) {
    known_.insert(name);
    const auto found = body_.find(name);
    return found == body_.end() || found->is_null() ? nullptr : &*found;
  }
  double number(const std::string& name, double low, double high, double fallback) {
    const Json* value = find(name);
    if (!value) return fallback;
    if (!value->is_number()) throw bad_request("'" + name + "' must be a number", name, "invalid_type");
    const double number = value->get<double>();
    if (!(number >= low && number <= high))
      throw bad_request("'" + name + "' must lie between " + text(low) + " and " + text(high), name);
    return number;
  }
  std::optional<std::uint64_t> count(const std::string& name, std::uint64_t low, std::uint64_t high) {
    const Json* value = find(name);
    if (!value) return std::nullopt;
    if (!value->is_number_integer())
      throw bad_request("'" + name + "' must be a whole number", name, "invalid_type");
    if ((!value->is_number_unsigned() && value->get<std::int64_t>() < 0) ||
        value->get<std::uint64_t>() < low || value->get<std::uint64_t>() > high)
      throw bad_request(
          "'" + name + "' must lie between " + std::to_string(low) + " and " + std::to_string(high), name);
    return value->get<std::uint64_t>();
  }
  // -1, which other servers take for "none", is the same as missing.
  std::optional<std::uint64_t> count_or_none(const std::string& name, std::uint64_t low, std::uint64_t high) {
    const Json* value = find(name);
    return value && *value == -1 ? std::nullopt : count(name, low, high);
  }
  bool boolean(const std::string& name, bool fallback) {
    const Json* value = find(name);
    if (!value) return fallback;
    if (!value->is_boolean()) throw bad_request("'" + name + "' must be true or false", name, "invalid_type");
    return value->get<bool>();
  }
  std::string string(const std::string& name, const std::string& fallback = "") {
    const Json* value = find(name);
    if (!value) return fallback;
    if (!value->is_string()) throw bad_request("'" + name + "' must be a string", name, "invalid_type");
    return value->get<std::string>();
  }
  // Fields of OpenAI's that change nothing here.
  void ignore(std::initializer_list<const char*> names) { known_.insert(names.begin(), names.end()); }
  // Fields of OpenAI's whose effect would be missed.
  void refuse(const std::string& name, const std::string& why) {
    if (find(name))
      throw bad_request("'" + name + "' is not supported: " + why, name, "unsupported_parameter");
  }
  void refuse_unknown() const {
    for (const auto& [name, value] : body_.items())
      if (!known_.contains(name))
        throw bad_request("unknown field '" + name + "' in the request", name, "unknown_parameter");
  }

 private:
  static std::string text(double number) { return Json(number).dump(); }

  const Json& body_;
  std::set<std::string> known_;
};

std::map<int, double> logit_bias_of(const Json& bias) {
  if (!bias.is_object())
    throw bad_request("'logit_bias' must map token ids to numbers", "logit_bias", "invalid_type");
  std::map<int, double> result;
  for (const auto& [name, value] : bias.items()) {
    const bool whole =
        !name.empty() && name.size() <= 9 && name.find_first_not_of("0123456789") == std::string::npos;
    if (!whole || !value.is_number() || std::abs(value.get<double>()) > 100)
      throw bad_request("'logit_bias' must map token ids to numbers between -100 and 100", "logit_bias");
    result[std::stoi(name)] = value.get<double>();
  }
  return result;
}

std::vector<std::string> strings_of(const Json& value, const std::string& name) {
  std::vector<std::string> strings;
  if (value.is_string()) return {value.get<std::string>()};
  if (value.is_array())
    for (const Json& entry : value)
      if (entry.is_string()) strings.push_back(entry.get<std::string>());
  if (!value.is_array() || strings.size() != value.size())
    throw bad_request("'" + name + "' must be a string or a list of strings", name, "invalid_type");
  return strings;
}

std::vector<std::string> stop_texts_of(const Json& value) {
  std::vector<std::string> texts = strings_of(value, "stop");
  if (texts.size() > max_stop_texts)
    throw bad_request("'stop' may have " + std::to_string(max_stop_texts) + " texts", "stop");
  for (const std::string& text : texts)
    if (text.empty() || text.size() > max_stop_text)
      throw bad_request("a text of 'stop' must have 1 to " + std::to_string(max_stop_text) + " bytes",
                        "stop");
  return texts;
}

DrySettings dry_of(Fields& fields) {
  DrySettings dry;
  dry.multiplier = fields.number("dry_multiplier", 0, 100, dry.multiplier);
  dry.base = fields.number("dry_base", 1, 10, dry.base);
  dry.allowed_length = fields.count("dry_allowed_length", 1, 1000).value_or(dry.allowed_length);
  if (const Json* breakers = fields.find("dry_sequence_breakers"))
    dry.breakers = strings_of(*breakers, "dry_sequence_breakers");
  return dry;
}

void read_sampling(Fields& fields, CompletionRequest& request) {
  SamplingSettings& sampling = request.sampling;
  sampling.temperature = fields.number("temperature", 0, 2, 1);
  sampling.top_p = fields.number("top_p", 0, 1, 1);
  if (sampling.top_p == 0) sampling.top_p = 1e-9; // OpenAI's clients write so what leaves the likeliest alone
  sampling.top_k = fields.count_or_none("top_k", 0, INT32_MAX).value_or(0);
  sampling.min_p = fields.number("min_p", 0, 1, 0);
  sampling.typical_p = fields.number("typical_p", 1e-9, 1, 1);
  sampling.presence_penalty = fields.number("presence_penalty", -2, 2, 0);
  sampling.frequency_penalty = fields.number("frequency_penalty", -2, 2, 0);
  const bool has_short_name = fields.find("repeat_penalty") != nullptr; // as llama.cpp spells it
  sampling.repetition_penalty =
      fields.number(has_short_name ? "repeat_penalty" : "repetition_penalty", 0.1, 10, 1);
  if (has_short_name) fields.refuse("repetition_penalty", "the request has 'repeat_penalty' too");
  sampling.dry = dry_of(fields);
  if (const Json* bias = fields.find("logit_bias")) sampling.logit_bias = logit_bias_of(*bias);
  if (const auto seed = fields.count_or_none("seed", 0, INT64_MAX)) {
    sampling.seed = *seed;
    request.seeded = true;
  }
}

void read_stream(Fields& fields, CompletionRequest& request) {
  request.stream = fields.boolean("stream", false);
  const Json* options = fields.find("stream_options");
  if (!options) return;
  if (!request.stream)
    throw bad_request("'stream_options' needs 'stream': true", "stream_options", "invalid_value");
  Fields inner(*options);
  request.include_usage = inner.boolean("include_usage", false);
  inner.ignore({"include_obfuscation"});
  inner.refuse_unknown();
}

// What both kinds have.
void read_common(Fields& fields, CompletionRequest& request) {
  request.model = fields.string("model");
  request.choices = fields.count("n", 1, max_choices).value_or(1);
  read_sampling(fields, request);
  read_stream(fields, request);
  if (const Json* stop = fields.find("stop")) request.stop_texts = stop_texts_of(*stop);
  fields.ignore({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "cache_prompt"});
}

// A string, or a list of parts of text.
std::string content_of(const Json& content, const std::string& where) {
  if (content.is_null()) return "";
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array())
    throw bad_request("'" + where + "' must be a string or a list of parts", where, "invalid_type");
  for (const Json& part : content) {
    const std::string type = part.is_object() && part.contains("type") && part["type"].is_string()
                                 ? part["type"].get<std::string>()
                                 : "";
    if (type != "text" || !part.contains("text") || !part["text"].is_string())
      throw bad_request("'" + where + "' has a part that is not text: this model reads text only", where,
                        "unsupported_value");
    text += part["text"].get<std::string>();
  }
  return text;
}

// Templates want the arguments of a call as an object; OpenAI's clients send them as text.
OrderedJson tool_calls_of(const Json& calls, const std::string& where) {
  const std::string field = where + ".tool_calls";
  if (!calls.is_array()) throw bad_request("'" + field + "' must be a list", field, "invalid_type");
  OrderedJson result = OrderedJson::array();
  for (const Json& call : calls) {
    if (!call.is_object() || !call.contains("function") || !call["function"].is_object())
      throw bad_request("'" + field + "' has an entry without a function", field);
    OrderedJson copy = call;
    OrderedJson& function = copy["function"];
    if (function.contains("arguments") && function["arguments"].is_string()) {
      const auto arguments = OrderedJson::parse(function["arguments"].get<std::string>(), nullptr, false);
      if (arguments.is_object()) function["arguments"] = arguments;
    }
    result.push_back(std::move(copy));
  }
  return result;
}

// A list of objects, or nothing.
OrderedJson objects_of(const Json* list, const std::string& name) {
  if (!list || (list->is_array() && list->empty())) return nullptr;
  const bool good = list->is_array() && std::all_of(list->begin(), list->end(),
                                                    [](const Json& entry) { return entry.is_object(); });
  if (!good) throw bad_request("'" + name + "' must be a list of objects", name, "invalid_type");
  return *list;
}

ChatMessage message_of(const Json& json, const std::string& where) {
  if (!json.is_object()) throw bad_request("'" + where + "' must be an object", where, "invalid_type");
  Fields fields(json);
  ChatMessage message;
  message.role = fields.string("role");
  static const std::set<std::string> roles{"system", "developer", "user", "assistant", "tool"};
  if (!roles.contains(message.role))
    throw bad_request("'" + where + ".role' must be system, developer, user, assistant or tool",
                      where + ".role");
  if (message.role == "developer") message.role = "system"; // OpenAI's newer name for it
  const Json* content = fields.find("content");
  if (!content && message.role != "assistant")
    throw bad_request("'" + where + ".content' is missing", where + ".content", "missing_required_parameter");
  if (content) message.content = content_of(*content, where + ".content");
  // What templates of models with tools read.
  message.fields = OrderedJson::object();
  for (const char* name : {"name", "tool_call_id", "reasoning_content"})
    if (const Json* value = fields.find(name)) message.fields[name] = *value;
  if (const Json* calls = fields.find("tool_calls"))
    message.fields["tool_calls"] = tool_calls_of(*calls, where);
  fields.ignore({"refusal", "annotations", "audio"});
  fields.refuse_unknown();
  return message;
}

std::vector<int> tokens_of(const Json& list) {
  std::vector<int> tokens;
  for (const Json& token : list) {
    if (!token.is_number_integer() || token.get<std::int64_t>() < 0 || token.get<std::int64_t>() > INT32_MAX)
      throw bad_request("'prompt' has a token that is not a whole number", "prompt", "invalid_type");
    tokens.push_back(token.get<int>());
  }
  return tokens;
}

std::vector<std::variant<std::string, std::vector<int>>> prompts_of(const Json& prompt) {
  if (prompt.is_string()) return {prompt.get<std::string>()};
  if (!prompt.is_array() || prompt.empty())
    throw bad_request("'prompt' must be a string, a list of strings, of tokens, or of lists of tokens",
                      "prompt", "invalid_type");
  if (prompt[0].is_number()) return {tokens_of(prompt)};
  if (prompt.size() > max_choices)
    throw bad_request("'prompt' may have " + std::to_string(max_choices) + " prompts", "prompt");
  std::vector<std::variant<std::string, std::vector<int>>> prompts;
  for (const Json& entry : prompt) {
    if (entry.is_string())
      prompts.emplace_back(entry.get<std::string>());
    else if (entry.is_array())
      prompts.emplace_back(tokens_of(entry));
    else
      throw bad_request("'prompt' has an entry that is neither text nor a list of tokens", "prompt",
                        "invalid_type");
  }
  return prompts;
}

} // namespace

CompletionRequest chat_request(const Json& body) {
  Fields fields(body);
  CompletionRequest request;
  read_common(fields, request);
  const Json* messages = fields.find("messages");
  if (!messages) throw bad_request("'messages' is missing", "messages", "missing_required_parameter");
  if (!messages->is_array() || messages->empty())
    throw bad_request("'messages' must be a list of at least one message", "messages", "invalid_type");
  for (std::size_t i = 0; i < messages->size(); ++i)
    request.chat.messages.push_back(message_of((*messages)[i], "messages[" + std::to_string(i) + "]"));
  const auto most = fields.count_or_none("max_tokens", 1, INT32_MAX);
  request.max_tokens = fields.count_or_none("max_completion_tokens", 1, INT32_MAX);
  if (!request.max_tokens) request.max_tokens = most;
  const auto top = fields.count("top_logprobs", 0, max_alternatives);
  if (fields.boolean("logprobs", false))
    request.log_probabilities = top.value_or(0);
  else if (top && *top > 0)
    throw bad_request("'top_logprobs' needs 'logprobs': true", "top_logprobs");
  const std::string truncation = fields.string("truncation", "disabled");
  if (truncation != "disabled" && truncation != "auto")
    throw bad_request("'truncation' must be \"auto\" (leave out the oldest messages) or \"disabled\"",
                      "truncation");
  request.drop_oldest = truncation == "auto";
  const std::string reasoning = fields.string("reasoning_format", "auto");
  if (reasoning != "auto" && reasoning != "none")
    throw bad_request(
        "'reasoning_format' must be \"auto\" (thoughts stand in 'reasoning_content') or \"none\" (in "
        "'content')",
        "reasoning_format");
  request.thoughts_apart = reasoning == "auto";
  if (const Json* format = fields.find("response_format"))
    if (!format->is_object() || format->value("type", Json()) != "text")
      throw bad_request("'response_format' is not supported but for {\"type\": \"text\"}", "response_format",
                        "unsupported_parameter");
  if (const Json* modalities = fields.find("modalities"); modalities && *modalities != Json{"text"})
    throw bad_request("'modalities' may be [\"text\"] only", "modalities", "unsupported_parameter");
  request.chat.tools = objects_of(fields.find("tools"), "tools");
  request.chat.documents = objects_of(fields.find("documents"), "documents");
  request.chat.arguments = OrderedJson::object();
  if (const Json* arguments = fields.find("chat_template_kwargs")) {
    if (!arguments->is_object())
      throw bad_request("'chat_template_kwargs' must be an object", "chat_template_kwargs", "invalid_type");
    request.chat.arguments = *arguments;
  }
  if (const Json* effort = fields.find("reasoning_effort"))
    request.chat.arguments["reasoning_effort"] = *effort;
  if (const Json* choice = fields.find("tool_choice")) {
    if (*choice != "none" && *choice != "auto")
      throw bad_request("'tool_choice' may be \"none\" or \"auto\" only", "tool_choice",
                        "unsupported_parameter");
    if (*choice == "none") request.chat.tools = nullptr;
  }
  fields.refuse("functions", "it is OpenAI's former name of 'tools'");
  fields.refuse("function_call", "it is OpenAI's former name of 'tool_choice'");
  fields.refuse("audio", "this model writes text only");
  fields.refuse("web_search_options", "nothing is searched here");
  fields.ignore({"parallel_tool_calls", "verbosity", "prediction"});
  fields.refuse_unknown();
  return request;
}

CompletionRequest text_request(const Json& body) {
  Fields fields(body);
  CompletionRequest request;
  read_common(fields, request);
  const Json* prompt = fields.find("prompt");
  if (!prompt) throw bad_request("'prompt' is missing", "prompt", "missing_required_parameter");
  request.prompts = prompts_of(*prompt);
  request.max_tokens = fields.count("max_tokens", 0, INT32_MAX).value_or(16); // OpenAI's default
  request.log_probabilities = fields.count("logprobs", 0, max_alternatives);
  request.echo = fields.boolean("echo", false);
  if (request.echo && request.log_probabilities)
    throw bad_request("'echo' is not supported with 'logprobs'", "echo", "unsupported_parameter");
  if (const auto best_of = fields.count("best_of", 1, max_choices); best_of && *best_of != request.choices)
    throw bad_request("'best_of' is not supported but where it equals 'n'", "best_of",
                      "unsupported_parameter");
  fields.refuse("suffix", "the model continues texts only");
  fields.refuse_unknown();
  return request;
}

} // namespace intarsia::server
