// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/part_name.h"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>

namespace intarsia {
namespace {

constexpr std::size_t suffix_length = 15; // "-00002-of-00003"

bool is_number(std::string_view digits) {
  return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

std::optional<PartName> part_name(const std::filesystem::path& file) {
  const std::string stem = file.stem().string();
  if (stem.size() < suffix_length) return std::nullopt;
  const std::string suffix = stem.substr(stem.size() - suffix_length);
  const std::string number = suffix.substr(1, 5), count = suffix.substr(10);
  if (suffix[0] != '-' || suffix.substr(6, 4) != "-of-" || !is_number(number) || !is_number(count))
    return std::nullopt;
  return PartName{stem.substr(0, stem.size() - suffix_length), file.extension().string(), std::stoul(number),
                  std::stoul(count)};
}

std::filesystem::path part_path(const std::filesystem::path& folder, const PartName& name,
                                std::uint64_t number) {
  return folder / (name.before + fmt::format("-{:05}-of-{:05}", number, name.count) + name.extension);
}

} // namespace intarsia
