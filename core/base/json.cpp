// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/json.h"

#include <cmath>
#include <set>
#include <vector>

#include "core/base/error.h"
#include "core/base/foreign_content.h"
#include "core/base/mapped_file.h"

namespace intarsia {
namespace {

constexpr int max_depth = 64;

// Rejects what nlohmann's parser lets through: duplicate keys (the last would win) and unbounded nesting.
class StrictKeys {
 public:
  explicit StrictKeys(const std::string& origin)
      : origin_(origin) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > max_depth)
      throw input_error(origin_ + ": JSON is nested deeper than " + std::to_string(max_depth));
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.back().insert(parsed.get<std::string>()).second)
      throw input_error(origin_ + ": JSON key \"" + parsed.get<std::string>() + "\" appears twice");
    return true;
  }

 private:
  const std::string& origin_;
  std::vector<std::set<std::string>> keys_;
};

Error field_error(const std::string& origin, const std::string& field, const std::string& what) {
  return input_error(origin + ": field \"" + field + "\" " + what);
}

// Python writes Infinity, -Infinity and NaN, which are no JSON. As strings they do no harm where nobody reads
// them, and are named as no number where somebody does. Empty when the text has none.
std::string with_quoted_infinities(std::string_view text) {
  std::string quoted;
  bool inside = false; // a string
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') inside = !inside;
    if (inside && text[i] == '\\') ++i;
    if (inside) continue;
    for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
      if (!text.substr(i).starts_with(word)) continue;
      quoted.append(text.substr(copied, i - copied)).append("\"").append(word).append("\"");
      copied = i + word.size();
      i = copied - 1;
      break;
    }
  }
  return copied == 0 ? std::string() : quoted.append(text.substr(copied));
}

// nlohmann's sentence without its own numbering: "parse error at line 1, column 1: …".
std::string syntax_error(const std::string& what) {
  const std::size_t end = what.find("] ");
  return end == std::string::npos ? what : what.substr(end + 2);
}

} // namespace

// What is not JSON at all is named as what it is (foreign_content.h).
Json parse_json(std::string_view text, const std::string& origin) {
  std::string quoted;
  try {
    try {
      return Json::parse(text.begin(), text.end(), StrictKeys(origin));
    } catch (const Json::parse_error&) {
      quoted = with_quoted_infinities(text);
      if (quoted.empty()) throw;
      return Json::parse(quoted, StrictKeys(origin));
    }
  } catch (const Json::exception& error) {
    if (const std::string content = foreign_content(text); !content.empty())
      throw input_error(origin + ": " + content);
    throw input_error(origin + ": is not valid JSON: " + syntax_error(error.what()));
  }
}

Json read_json_file(const std::filesystem::path& path) {
  return parse_json(read_text_file(path), path.string());
}

JsonObject::JsonObject(const Json& value, std::string origin)
    : value_(&value)
    , origin_(std::move(origin)) {
  if (!value.is_object()) throw input_error(origin_ + ": is not a JSON object");
}

bool JsonObject::has(const std::string& field) const {
  const auto found = value_->find(field);
  return found != value_->end() && !found->is_null();
}

const Json& JsonObject::operator[](const std::string& field) const {
  const auto found = value_->find(field);
  if (found == value_->end()) throw field_error(origin_, field, "is missing");
  return *found;
}

JsonObject JsonObject::object(const std::string& field) const {
  return JsonObject((*this)[field], origin_ + ": " + field);
}

std::string JsonObject::string(const std::string& field) const {
  const Json& value = (*this)[field];
  if (!value.is_string()) throw field_error(origin_, field, "is not a string");
  return value.get<std::string>();
}

double JsonObject::number(const std::string& field) const {
  const Json& value = (*this)[field];
  if (!value.is_number()) throw field_error(origin_, field, "is not a number");
  const double number = value.get<double>();
  if (!std::isfinite(number)) throw field_error(origin_, field, "is not a finite number");
  return number;
}

std::int64_t JsonObject::integer(const std::string& field) const {
  const Json& value = (*this)[field];
  if (!value.is_number_integer()) throw field_error(origin_, field, "is not an integer");
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t(INT64_MAX))
    throw field_error(origin_, field, "is too large");
  return value.get<std::int64_t>();
}

bool JsonObject::boolean(const std::string& field) const {
  const Json& value = (*this)[field];
  if (!value.is_boolean()) throw field_error(origin_, field, "is not true or false");
  return value.get<bool>();
}

std::uint64_t JsonObject::count(const std::string& field, std::uint64_t low, std::uint64_t high) const {
  const std::int64_t value = integer(field);
  if (value < 0 || std::uint64_t(value) < low || std::uint64_t(value) > high)
    throw field_error(origin_, field,
                      "is " + std::to_string(value) + ", not between " + std::to_string(low) + " and " +
                          std::to_string(high));
  return std::uint64_t(value);
}

std::string JsonObject::string_or(const std::string& field, const std::string& fallback) const {
  return has(field) ? string(field) : fallback;
}
double JsonObject::number_or(const std::string& field, double fallback) const {
  return has(field) ? number(field) : fallback;
}
bool JsonObject::boolean_or(const std::string& field, bool fallback) const {
  return has(field) ? boolean(field) : fallback;
}
std::uint64_t JsonObject::count_or(const std::string& field, std::uint64_t low, std::uint64_t high,
                                   std::uint64_t fallback) const {
  return has(field) ? count(field, low, high) : fallback;
}

} // namespace intarsia
