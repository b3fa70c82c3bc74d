// SPDX-License-Identifier: GPL-3.0-or-later
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
constexpr std::uint64_t most_draws = 1 << 20;                    // and tokens of a sequence to draw on
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
  if (!list.is_array()) throw input_error(where + " is no list of tokens");
  std::vector<int> tokens;
  tokens.reserve(list.size());
  for (const Json& token : list) {
    if (!token.is_number_unsigned() || token.get<std::uint64_t>() >= vocabulary)
      throw input_error(where + ": token " + std::to_string(tokens.size()) +
                        " is no whole number below the vocabulary's " + std::to_string(vocabulary));
    tokens.push_back(token.get<int>());
  }
  return tokens;
}

OrderedJson to_json(const SamplingSettings& settings) {
  return {{"temperature", settings.temperature},
          {"top_p", settings.top_p},
          {"top_k", settings.top_k},
          {"repetition_penalty", settings.repetition_penalty},
          {"seed", settings.seed}};
}

SamplingSettings sampling_from(const JsonObject& json) {
  SamplingSettings settings;
  settings.temperature = json.number_or("temperature", settings.temperature);
  settings.top_p = json.number_or("top_p", settings.top_p);
  settings.top_k = json.count_or("top_k", 0, many, settings.top_k);
  settings.repetition_penalty = json.number_or("repetition_penalty", settings.repetition_penalty);
  settings.seed = json.count_or("seed", 0, INT64_MAX, settings.seed);
  return settings;
}

const char* to_string(StopReason reason) {
  for (const auto& [known, name] : stop_reasons)
    if (known == reason) return name;
  return "";
}

OrderedJson to_json(const GenerationResult& result) {
  return {{"text", result.text},
          {"tokens", result.tokens},
          {"reason", to_string(result.reason)},
          {"prompt_tokens", result.prompt_tokens},
          {"reused_tokens", result.reused_tokens},
          {"prefill_seconds", result.prefill_seconds},
          {"decode_seconds", result.decode_seconds}};
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
  return {{"samples", options.samples},
          {"sequence_length", options.sequence_length},
          {"sequences", options.sequences},
          {"seed", options.seed}};
}

SensitivityOptions sensitivity_options_from(const JsonObject& json) {
  SensitivityOptions options;
  options.samples = json.count_or("samples", 1, most_draws, options.samples);
  options.sequence_length = json.count_or("sequence_length", 2, most_draws, options.sequence_length);
  options.sequences = json.count_or("sequences", 1, most_draws, options.sequences);
  options.seed = json.count_or("seed", 0, INT64_MAX, options.seed);
  return options;
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
