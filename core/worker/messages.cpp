// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/messages.h"

#include <array>
#include <limits>
#include <utility>

namespace intarsia {
namespace {

constexpr std::array error_kinds{std::pair{ErrorKind::usage, "usage"},
                                 std::pair{ErrorKind::input, "input"},
                                 std::pair{ErrorKind::unsupported, "unsupported"},
                                 std::pair{ErrorKind::infeasible, "infeasible"},
                                 std::pair{ErrorKind::resource, "resource"},
                                 std::pair{ErrorKind::cancelled, "cancelled"},
                                 std::pair{ErrorKind::internal, "internal"}};

constexpr std::array stop_reasons{
    std::pair{StopReason::end_of_text, "end_of_text"}, std::pair{StopReason::token_limit, "token_limit"},
    std::pair{StopReason::context_full, "context_full"}, std::pair{StopReason::stopped, "stopped"}};

constexpr double nan = std::numeric_limits<double>::quiet_NaN(); // travels as null
constexpr std::uint64_t max_samples = 1 << 20;                   // and tokens of a sequence to draw on
constexpr std::uint64_t many = std::uint64_t(1) << 40;           // of anything that is counted

} // namespace

const char* to_string(ErrorKind kind) {
  for (const auto& [known, name] : error_kinds)
    if (known == kind) return name;
  return "internal";
}

OrderedJson to_json(ErrorKind kind, const std::string& sentence) {
  return {{"kind", to_string(kind)}, {"message", sentence}};
}

Error error_from(const JsonObject& json) {
  const std::string name = json.string("kind");
  for (const auto& [kind, known] : error_kinds)
    if (name == known) return Error(kind, json.string("message"));
  return Error(ErrorKind::internal, json.string("message"));
}

std::vector<int> tokens_from(const JsonObject& request, const std::string& field, std::size_t vocabulary) {
  const Json& list = request[field];
  const std::string where = request.origin() + ": field \"" + field + "\"";
  if (!list.is_array()) throw input_error(where + " is not a list of tokens");
  std::vector<int> tokens;
  tokens.reserve(list.size());
  for (const Json& token : list) {
    if (!token.is_number_unsigned() || token.get<std::uint64_t>() >= vocabulary)
      throw input_error(where + ": token " + std::to_string(tokens.size()) +
                        " is not a whole number below the vocabulary's " + std::to_string(vocabulary));
    tokens.push_back(token.get<int>());
  }
  return tokens;
}

std::vector<std::string> strings_from(const JsonObject& request, const std::string& field) {
  std::vector<std::string> strings;
  for (const Json& string : request[field]) {
    if (!string.is_string())
      throw input_error(request.origin() + ": field \"" + field + "\" is not a list of strings");
    strings.push_back(string.get<std::string>());
  }
  return strings;
}

OrderedJson to_json(const SamplingSettings& settings) {
  OrderedJson bias = OrderedJson::array();
  for (const auto& [token, value] : settings.logit_bias) bias.push_back({token, value});
  return {{"temperature", settings.temperature},
          {"top_p", settings.top_p},
          {"top_k", settings.top_k},
          {"min_p", settings.min_p},
          {"typical_p", settings.typical_p},
          {"repetition_penalty", settings.repetition_penalty},
          {"presence_penalty", settings.presence_penalty},
          {"frequency_penalty", settings.frequency_penalty},
          {"dry",
           {{"multiplier", settings.dry.multiplier},
            {"base", settings.dry.base},
            {"allowed_length", settings.dry.allowed_length},
            {"breakers", settings.dry.breakers}}},
          {"logit_bias", std::move(bias)},
          {"seed", settings.seed}};
}

namespace {

DrySettings dry_from(const JsonObject& json) {
  DrySettings dry;
  dry.multiplier = json.number_or("multiplier", dry.multiplier);
  dry.base = json.number_or("base", dry.base);
  dry.allowed_length = json.count_or("allowed_length", 1, many, dry.allowed_length);
  if (json.has("breakers")) dry.breakers = strings_from(json, "breakers");
  return dry;
}

std::map<int, double> logit_bias_from(const JsonObject& json) {
  std::map<int, double> bias;
  for (const Json& entry : json["logit_bias"]) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_number_unsigned() || !entry[1].is_number() ||
        entry[0].get<std::uint64_t>() > INT32_MAX)
      throw input_error(json.origin() + ": field \"logit_bias\" is not a list of token and number");
    bias[entry[0].get<int>()] = entry[1].get<double>();
  }
  return bias;
}

} // namespace

SamplingSettings sampling_from(const JsonObject& json) {
  SamplingSettings settings;
  settings.temperature = json.number_or("temperature", settings.temperature);
  settings.top_p = json.number_or("top_p", settings.top_p);
  settings.top_k = json.count_or("top_k", 0, many, settings.top_k);
  settings.min_p = json.number_or("min_p", settings.min_p);
  settings.typical_p = json.number_or("typical_p", settings.typical_p);
  settings.repetition_penalty = json.number_or("repetition_penalty", settings.repetition_penalty);
  settings.presence_penalty = json.number_or("presence_penalty", settings.presence_penalty);
  settings.frequency_penalty = json.number_or("frequency_penalty", settings.frequency_penalty);
  if (json.has("dry")) settings.dry = dry_from(json.object("dry"));
  if (json.has("logit_bias")) settings.logit_bias = logit_bias_from(json);
  settings.seed = json.count_or("seed", 0, INT64_MAX, settings.seed);
  return settings;
}

const char* to_string(StopReason reason) {
  for (const auto& [known, name] : stop_reasons)
    if (known == reason) return name;
  return "";
}

namespace {

OrderedJson to_json(const TokenProbability& token) { return {token.token, token.log_probability}; }

TokenProbability probability_from(const Json& json) {
  if (!json.is_array() || json.size() != 2 || !json[0].is_number_unsigned() || !json[1].is_number())
    throw input_error("the worker's answer: a log-probability is not a token and number");
  return {json[0].get<int>(), json[1].get<double>()};
}

OrderedJson to_json(const SampledToken& token) {
  OrderedJson top = OrderedJson::array();
  for (const TokenProbability& other : token.top) top.push_back(to_json(other));
  return {{"sampled", to_json(token.sampled)}, {"top", std::move(top)}};
}

SampledToken sampled_from(const Json& json) {
  const JsonObject object(json, "the worker's answer");
  SampledToken token{probability_from(object["sampled"]), {}};
  for (const Json& other : object["top"]) token.top.push_back(probability_from(other));
  return token;
}

} // namespace

OrderedJson to_json(const GenerationResult& result) {
  OrderedJson sampled = OrderedJson::array();
  for (const SampledToken& token : result.sampled) sampled.push_back(to_json(token));
  return {{"text", result.text},
          {"tokens", result.tokens},
          {"reason", to_string(result.reason)},
          {"prompt_tokens", result.prompt_tokens},
          {"reused_tokens", result.reused_tokens},
          {"prefill_seconds", result.prefill_seconds},
          {"decode_seconds", result.decode_seconds},
          {"stop_text", result.stop_text},
          {"sampled", std::move(sampled)}};
}

GenerationResult generation_from(const JsonObject& json) {
  GenerationResult result;
  result.text = json.string("text");
  result.tokens = tokens_from(json, "tokens", INT32_MAX);
  const std::string name = json.string("reason");
  for (const auto& [reason, known] : stop_reasons)
    if (name == known) result.reason = reason;
  result.prompt_tokens = json.count("prompt_tokens", 0, many);
  result.reused_tokens = json.count("reused_tokens", 0, many);
  result.prefill_seconds = json.number("prefill_seconds");
  result.decode_seconds = json.number("decode_seconds");
  result.stop_text = json.string_or("stop_text", "");
  if (json.has("sampled"))
    for (const Json& token : json["sampled"]) result.sampled.push_back(sampled_from(token));
  return result;
}

OrderedJson to_json(const PerplexityResult& result) {
  return {{"perplexity", result.perplexity},
          {"mean_nll", result.mean_nll},
          {"standard_error", result.standard_error},
          {"tokens", result.tokens},
          {"windows", result.windows}};
}

PerplexityResult perplexity_from(const JsonObject& json) {
  return {json.number_or("perplexity", nan), json.number_or("mean_nll", nan),
          json.number_or("standard_error", nan), json.count("tokens", 0, many),
          json.count("windows", 0, many)};
}

OrderedJson to_json(const DivergenceResult& result) {
  return {{"mean_kl", result.mean_kl},
          {"standard_error", result.standard_error},
          {"top1_agreement", result.top1_agreement},
          {"model", to_json(result.model)},
          {"reference", to_json(result.reference)}};
}

DivergenceResult divergence_from(const JsonObject& json) {
  return {json.number_or("mean_kl", nan), json.number_or("standard_error", nan),
          json.number_or("top1_agreement", nan), perplexity_from(json.object("model")),
          perplexity_from(json.object("reference"))};
}

OrderedJson to_json(const SensitivityOptions& options) {
  return {{"samples", options.samples}, {"sequence_length", options.sequence_length}, {"seed", options.seed}};
}

SensitivityOptions sensitivity_options_from(const JsonObject& json) {
  SensitivityOptions options;
  options.samples = json.count_or("samples", 1, max_samples, options.samples);
  options.sequence_length = json.count_or("sequence_length", 2, max_samples, options.sequence_length);
  options.seed = json.count_or("seed", 0, INT64_MAX, options.seed);
  return options;
}

OrderedJson to_json(const CalibrationChoice& choice) {
  OrderedJson json{{"most", choice.tokens}, {"seed", choice.seed}};
  if (!choice.own()) json["tokens"] = choice.text, json["name"] = choice.name;
  return json;
}

CalibrationChoice calibration_from(const JsonObject& json) {
  CalibrationChoice choice;
  if (json.has("tokens"))
    for (const Json& token : json["tokens"]) {
      if (!token.is_number_integer())
        throw input_error(json.origin() + ": field \"tokens\" is not a list of tokens");
      choice.text.push_back(token.get<int>());
    }
  choice.name = json.string_or("name", "");
  choice.tokens = json.count_or("most", 256, 1 << 30, choice.tokens);
  choice.seed = json.count_or("seed", 0, INT64_MAX, choice.seed);
  return choice;
}

OrderedJson to_json(const LayerDone& layer) {
  OrderedJson json{{"name", layer.name},
                   {"quantizer", to_string(layer.quantizer)},
                   {"distortion", layer.distortion},
                   {"seconds", layer.seconds},
                   {"resumed", layer.resumed}};
  if (layer.proxy_loss) json["proxy_loss"] = *layer.proxy_loss;
  return json;
}

LayerDone layer_from(const JsonObject& json) {
  LayerDone layer;
  layer.name = json.string("name");
  layer.quantizer = parse_quantizer_id(json.string("quantizer"));
  layer.distortion = json.number_or("distortion", nan);
  if (json.has("proxy_loss")) layer.proxy_loss = json.number("proxy_loss");
  layer.seconds = json.number("seconds");
  layer.resumed = json.boolean("resumed");
  return layer;
}

} // namespace intarsia
