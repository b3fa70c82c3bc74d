// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/stage_json.h"

namespace intarsia {
namespace {

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

} // namespace

const Json& list_of(const JsonObject& json, const std::string& field) {
  const Json& list = json[field];
  if (!list.is_array()) throw input_error(json.origin() + ": field \"" + field + "\" is not a list");
  return list;
}

std::string pattern_of(const JsonObject& json) {
  const JsonObject pattern = json.object("pattern");
  return pattern.has("Regex") ? pattern.string("Regex") : quoted_pattern(pattern.string("String"));
}

std::string replaced_matches(const Regex& pattern, const std::string& text, const std::string& content) {
  std::string out;
  std::size_t position = 0;
  for (const auto& [begin, end] : pattern.matches(text)) {
    out.append(text, position, begin - position);
    out += content;
    position = end;
  }
  return out + text.substr(position);
}

std::string bytes_of_base64(std::string_view text, const std::string& origin) {
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    const auto digit = base64_digits.find(c);
    if (digit == std::string_view::npos)
      throw input_error(origin + ": a field that should be base64 is none");
    bits = bits << 6 | std::uint32_t(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += char(bits >> count & 0xFF);
  }
  return bytes;
}

std::string to_base64(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return at < bytes.size() ? std::uint32_t(static_cast<unsigned char>(bytes[at])) : 0u;
    };
    const std::uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (std::size_t digit = 0; digit < 4; ++digit)
      text += i + digit > bytes.size() ? '=' : base64_digits[bits >> (18 - 6 * digit) & 63];
  }
  return text;
}

} // namespace intarsia
