// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/precompiled_charsmap.h"

#include <cstring>
#include <utf8proc.h>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

// A unit of Darts-clone: a label and where the node's children are, or a value.
std::uint32_t label(std::uint32_t unit) { return unit & ((1u << 31) | 0xFF); }
bool has_leaf(std::uint32_t unit) { return unit >> 8 & 1; }
std::uint32_t value(std::uint32_t unit) { return unit & ((1u << 31) - 1); }
std::uint32_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

} // namespace

PrecompiledCharsmap::PrecompiledCharsmap(std::string bytes, const std::string& origin) {
  if (bytes.empty()) return;
  std::uint32_t size = 0;
  if (bytes.size() >= sizeof size) std::memcpy(&size, bytes.data(), sizeof size);
  if (bytes.size() < sizeof size || size % sizeof(std::uint32_t) != 0 || size == 0 ||
      size > bytes.size() - sizeof size)
    throw input_error(origin + ": the tokenizer's normalization map is damaged");
  units_.resize(size / sizeof(std::uint32_t));
  std::memcpy(units_.data(), bytes.data() + sizeof size, size);
  replacements_ = bytes.substr(sizeof size + size);
}

std::string_view PrecompiledCharsmap::replacement(std::uint32_t at) const {
  if (at >= replacements_.size()) return {};
  const std::string_view rest = std::string_view(replacements_).substr(at);
  return rest.substr(0, rest.find('\0'));
}

template <typename Visit>
void PrecompiledCharsmap::visit_prefixes(std::string_view text, const Visit& visit) const {
  if (units_.empty()) return;
  std::uint32_t node = offset(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) return;
    const std::uint32_t unit = units_[node];
    node ^= offset(unit);
    if (has_leaf(unit) && node < units_.size() && !visit(Match{replacement(value(units_[node])), i + 1}))
      return;
  }
}

std::optional<PrecompiledCharsmap::Match> PrecompiledCharsmap::longest_prefix(std::string_view text) const {
  std::optional<Match> longest;
  visit_prefixes(text, [&](const Match& match) {
    longest = match;
    return true;
  });
  return longest;
}

std::optional<PrecompiledCharsmap::Match> PrecompiledCharsmap::shortest_prefix(std::string_view text) const {
  std::optional<Match> shortest;
  visit_prefixes(text, [&](const Match& match) {
    shortest = match;
    return false;
  });
  return shortest;
}

std::string PrecompiledCharsmap::normalize_graphemes(std::string_view text) const {
  constexpr std::size_t max_cluster_bytes = 5; // bytes that are looked up as a whole
  std::string out;
  const auto append = [&](std::string_view part) {
    const auto match = shortest_prefix(part);
    if (match) out += match->replacement;
    return match.has_value();
  };
  for (std::size_t begin = 0; begin < text.size();) {
    utf8proc_int32_t state = 0;
    Utf8Character character = read_utf8(text, begin);
    std::size_t end = begin + character.length;
    while (end < text.size()) {
      const Utf8Character next = read_utf8(text, end);
      if (utf8proc_grapheme_break_stateful(utf8proc_int32_t(character.code_point),
                                           utf8proc_int32_t(next.code_point), &state))
        break;
      character = next;
      end += next.length;
    }
    const std::string_view cluster = text.substr(begin, end - begin);
    if (cluster.size() > max_cluster_bytes || !append(cluster))
      for (std::size_t i = 0; i < cluster.size();) {
        const std::size_t length = read_utf8(cluster, i).length;
        if (!append(cluster.substr(i, length))) out += cluster.substr(i, length);
        i += length;
      }
    begin = end;
  }
  return to_valid_utf8(out); // the map's replacements may be anything
}

} // namespace intarsia
