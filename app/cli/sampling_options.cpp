// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/cli/sampling_options.h"

#include <charconv>

#include "core/base/error.h"

namespace intarsia::cli {
namespace {

// "TOKEN=X", by token id.
std::pair<int, double> bias_of(const std::string& text) {
  const char *end = text.data() + text.size(), *middle = text.data() + std::min(text.find('='), text.size());
  int token = -1;
  double bias = 0;
  const auto id = std::from_chars(text.data(), middle, token);
  const auto value = middle == end ? std::from_chars_result{end, std::errc::invalid_argument}
                                   : std::from_chars(middle + 1, end, bias);
  if (id.ec != std::errc() || id.ptr != middle || value.ec != std::errc() || value.ptr != end || token < 0)
    throw Error(ErrorKind::usage,
                "option --logit-bias is \"" + text + "\", not a token id and a number, as in 318=-100");
  return {token, bias};
}

OrderedJson to_json(const TokenProbability& token, const Tokenizer& tokenizer) {
  return {{"id", token.token},
          {"token", tokenizer.token_bytes(token.token)},
          {"log_probability", token.log_probability}};
}

} // namespace

std::vector<OptionSpec> sampling_options() {
  return {{"--max-tokens", "N", "tokens of an answer at most (default 256)"},
          {"--temperature", "X", "0 always takes the likeliest token (default 0.7)"},
          {"--top-p", "X", "sample from the likeliest tokens that hold this probability (default 0.95)"},
          {"--top-k", "N", "sample from the N likeliest tokens (default 0: all)"},
          {"--min-p", "X", "leave out what is less likely than X times the likeliest (default 0)"},
          {"--typical-p", "X", "locally typical sampling of this probability (default 1: off)"},
          {"--repetition-penalty", "X", "divides logits of tokens that came before (default 1: off)"},
          {"--presence-penalty", "X", "taken off the logits of tokens in the answer (default 0)"},
          {"--frequency-penalty", "X", "the same, for every time that they came (default 0)"},
          {"--dry-multiplier", "X", "DRY: penalty on tokens that extend a repetition (default 0: off)"},
          {"--dry-base", "X", "DRY: its growth with each repeated token (default 1.75)"},
          {"--dry-allowed-length", "N", "DRY: shortest repetition that is penalised (default 2)"},
          {"--logit-bias", "TOKEN=X", "adds X to the logit of a token id; may be repeated", true},
          {"--seed", "N", "the same seed gives the same answer (default 0)"},
          {"--stop", "TEXT", "end an answer before this text; may be repeated", true},
          {"--log-probabilities", "N", "with --json: of each token and the N likeliest in its place"},
          {"--when-full", "drop|refuse",
           "a full context: leave out the oldest turns (default), or refuse the message"},
          {"--template-arguments", "JSON",
           "an object that the model's chat template reads, as {\"enable_thinking\": false}"}};
}

ReplyOptions reply_options(const Options& options) {
  ReplyOptions reply;
  SamplingSettings& sampling = reply.sampling;
  DrySettings& dry = sampling.dry;
  reply.max_tokens = options.count_or("--max-tokens", 1, 1 << 20, reply.max_tokens);
  sampling.temperature = options.number_or("--temperature", 0, 100, sampling.temperature);
  sampling.top_p = options.number_or("--top-p", 1e-6, 1, sampling.top_p);
  sampling.top_k = options.count_or("--top-k", 0, INT32_MAX, sampling.top_k);
  sampling.min_p = options.number_or("--min-p", 0, 1, sampling.min_p);
  sampling.typical_p = options.number_or("--typical-p", 1e-6, 1, sampling.typical_p);
  sampling.repetition_penalty =
      options.number_or("--repetition-penalty", 0.1, 10, sampling.repetition_penalty);
  sampling.presence_penalty = options.number_or("--presence-penalty", -100, 100, sampling.presence_penalty);
  sampling.frequency_penalty =
      options.number_or("--frequency-penalty", -100, 100, sampling.frequency_penalty);
  dry.multiplier = options.number_or("--dry-multiplier", 0, 100, dry.multiplier);
  dry.base = options.number_or("--dry-base", 1, 10, dry.base);
  dry.allowed_length = options.count_or("--dry-allowed-length", 1, 1000, dry.allowed_length);
  for (const std::string& text : options.all("--logit-bias")) sampling.logit_bias.insert(bias_of(text));
  sampling.seed = options.count_or("--seed", 0, INT64_MAX, sampling.seed);
  reply.stop_texts = options.all("--stop");
  if (options.has("--log-probabilities")) {
    if (!options.json()) throw Error(ErrorKind::usage, "option --log-probabilities needs --json");
    reply.log_probabilities = options.count_or("--log-probabilities", 0, 1000, 0);
  }
  if (const auto when_full = options.text("--when-full")) {
    if (*when_full != "drop" && *when_full != "refuse")
      throw Error(ErrorKind::usage, "option --when-full is \"" + *when_full + "\", not drop or refuse");
    if (*when_full == "refuse") reply.when_full = WhenFull::refuse;
  }
  if (const auto arguments = options.text("--template-arguments")) {
    reply.template_arguments = parse_json(*arguments, "option --template-arguments");
    if (!reply.template_arguments.is_object())
      throw Error(ErrorKind::usage, "option --template-arguments is not a JSON object");
  }
  return reply;
}

OrderedJson probabilities_json(const std::vector<SampledToken>& sampled, const Tokenizer& tokenizer) {
  OrderedJson list = OrderedJson::array();
  for (const SampledToken& token : sampled) {
    OrderedJson entry = to_json(token.sampled, tokenizer);
    entry["top"] = OrderedJson::array();
    for (const TokenProbability& other : token.top) entry["top"].push_back(to_json(other, tokenizer));
    list.push_back(std::move(entry));
  }
  return list;
}

} // namespace intarsia::cli
