// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/calibration_text.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/base/crc32.h"
#include "core/base/error.h"
#include "core/checkpoint/content_identity.h"
#include "core/checkpoint/model_cache.h"
#include "core/evaluation/evaluation.h"
#include "core/runtime/model_samples.h"

namespace intarsia {
namespace {

constexpr int sampling_version = 2; // raised whenever the same options give another text
constexpr std::size_t min_tokens = 256, given_window = 512;
// Of its own text: many short sequences say a little more than few long ones, as each begins elsewhere.
// SmolLM2 with 3-bit NUQ, 16,384 tokens, KL on WikiText-2: 32 sequences of 512 tokens 0.342, 64 of 256 0.325,
// 128 of 128 0.311, 256 of 64 0.319; 128 of 512 (four times the text) 0.320; 64 of 256 at temperature 0.7
// instead of 1 0.383. By the allocator's plan at 3.25 bits it makes no difference: 64 of 256 0.1053, 128 of
// 128 0.1056.
constexpr std::size_t own_length = 128;
constexpr const char* format_name = "intarsia-text/1";

std::uint32_t checksum_of(const std::vector<int>& tokens) {
  return crc32_of(std::as_bytes(std::span(tokens)));
}

} // namespace

CalibrationText given_text(const CalibrationChoice& choice, const ModelConfig& config) {
  const std::vector<int>& text = choice.text;
  if (text.size() < min_tokens)
    throw Error(ErrorKind::usage, "the calibration text has only " + std::to_string(text.size()) +
                                      " tokens; it needs at least " + std::to_string(min_tokens) +
                                      ", some thousands are better");
  for (const int token : text)
    if (token < 0 || std::size_t(token) >= config.vocabulary)
      throw Error(ErrorKind::usage, "the calibration text has token " + std::to_string(token) +
                                        ", outside of the model's vocabulary");
  const std::size_t length = std::min({given_window, text.size(), config.max_positions});
  const std::size_t windows = std::max<std::size_t>(1, std::min(choice.tokens, text.size()) / length);
  CalibrationText cut;
  for (std::size_t i = 0; i < windows; ++i) {
    const std::size_t start = windows == 1 ? 0 : (text.size() - length) * i / (windows - 1);
    cut.sequences.emplace_back(text.begin() + std::ptrdiff_t(start),
                               text.begin() + std::ptrdiff_t(start + length));
  }
  return cut;
}

OwnText::OwnText(const Checkpoint& checkpoint, const CalibrationChoice& choice)
    : checkpoint_(checkpoint)
    , seed_(choice.seed)
    , length_(std::min(own_length, checkpoint.config().max_positions)) {
  count_ = std::max<std::size_t>(1, choice.tokens / length_);
  // Where every text begins with a begin token, models keep much of their attention on it.
  if (auto spec = checkpoint.tokenizer()) prefix_ = begin_tokens(make_tokenizer(std::move(*spec)).get());
  const std::string settings =
      fmt::format("{} {} {} {} {:08x}", sampling_version, count_, length_, seed_, checksum_of(prefix_));
  places_ =
      model_cache_places(checkpoint, fmt::format("intarsia-text-{}-{:08x}.json", content_identity(checkpoint),
                                                 crc32_of(std::as_bytes(std::span(settings)))));
}

std::optional<CalibrationText> OwnText::read(const std::filesystem::path& file) const {
  const Json json = read_json_file(file);
  if (json.at("format") != format_name) return std::nullopt;
  CalibrationText text{json.at("sequences").get<std::vector<std::vector<int>>>()};
  if (text.sequences.size() != count_) return std::nullopt;
  for (const auto& sequence : text.sequences) {
    if (sequence.size() != length_) return std::nullopt;
    for (const int token : sequence)
      if (token < 0 || std::size_t(token) >= checkpoint_.config().vocabulary) return std::nullopt;
  }
  return text;
}

std::optional<CalibrationText> OwnText::find() const {
  for (const auto& place : places_) try {
      if (!std::filesystem::exists(place)) continue;
      if (auto text = read(place)) return text;
    } catch (const std::exception&) { // damaged: it is sampled again
    }
  return std::nullopt;
}

CalibrationText OwnText::write(LanguageModel& model, const JobControl& control) const {
  CalibrationText text{sample_from_model(model, {count_, length_, seed_, prefix_}, control)};
  const OrderedJson json{{"format", format_name},
                         {"model", checkpoint_.config().name},
                         {"seed", seed_},
                         {"temperature", 1},
                         {"sequences", text.sequences}};
  keep_in_cache(places_, json.dump() + "\n");
  return text;
}

std::string identity_of(const CalibrationChoice& choice) {
  if (choice.own()) return fmt::format("own text {} {} {}", sampling_version, choice.tokens, choice.seed);
  return fmt::format("text {:08x} {} {}", checksum_of(choice.text), choice.text.size(), choice.tokens);
}

OrderedJson record_of(const CalibrationChoice& choice, const CalibrationText& text) {
  OrderedJson record{{"text", choice.own() ? "own" : "file"}};
  if (!choice.own() && !choice.name.empty()) record["file"] = choice.name;
  record["tokens"] = text.tokens();
  record["sequences"] = text.sequences.size();
  if (choice.own()) record["seed"] = choice.seed, record["temperature"] = 1;
  return record;
}

} // namespace intarsia
