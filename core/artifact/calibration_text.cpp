// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/calibration_text.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/base/crc32.h"
#include "core/base/error.h"
#include "core/sensitivity/own_text.h"

namespace intarsia {
namespace {

constexpr std::size_t min_tokens = 256, given_window = 512;

std::uint32_t checksum_of(const std::vector<int>& tokens) {
  return crc32_of(std::as_bytes(std::span(tokens)));
}

} // namespace

std::vector<std::vector<int>> given_text(const CalibrationChoice& choice, const ModelConfig& config) {
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
  std::vector<std::vector<int>> cut;
  for (std::size_t i = 0; i < windows; ++i) {
    const std::size_t start = windows == 1 ? 0 : (text.size() - length) * i / (windows - 1);
    cut.emplace_back(text.begin() + std::ptrdiff_t(start), text.begin() + std::ptrdiff_t(start + length));
  }
  return cut;
}

std::string identity_of(const CalibrationChoice& choice) {
  if (choice.own())
    return fmt::format("own text {} {} {}", OwnTextCache::version, choice.tokens, choice.seed);
  return fmt::format("text {:08x} {} {}", checksum_of(choice.text), choice.text.size(), choice.tokens);
}

OrderedJson record_of(const CalibrationChoice& choice, const std::vector<std::vector<int>>& sequences) {
  OrderedJson record{{"text", choice.own() ? "own" : "file"}};
  if (!choice.own() && !choice.name.empty()) record["file"] = choice.name;
  record["tokens"] = sequences.size() * sequences.at(0).size();
  record["sequences"] = sequences.size();
  if (choice.own()) record["seed"] = choice.seed, record["temperature"] = 1;
  return record;
}

} // namespace intarsia
