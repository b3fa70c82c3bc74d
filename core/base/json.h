// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// JSON from files that may be hostile, and fields out of it with errors that name the file and the field.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace intarsia {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json; // keeps the order of keys; what we write

// Parses one JSON document. Throws Error{input} "ORIGIN: ..." on a syntax error, a duplicate key in an
// object, nesting deeper than 64, or anything after the document.
Json parse_json(std::string_view text, const std::string& origin);
Json read_json_file(const std::filesystem::path& path);

// An object with the path that leads to it, for error messages: `JsonObject(json, "config.json")`.
class JsonObject {
 public:
  JsonObject(const Json& value, std::string origin);      // throws when value is not an object
  bool has(const std::string& field) const;               // present and not null
  const Json& operator[](const std::string& field) const; // throws when missing
  JsonObject object(const std::string& field) const;
  std::string string(const std::string& field) const;
  double number(const std::string& field) const; // finite
  std::int64_t integer(const std::string& field) const;
  bool boolean(const std::string& field) const;
  // The integer, checked to lie in [low, high].
  std::uint64_t count(const std::string& field, std::uint64_t low, std::uint64_t high) const;

  std::string string_or(const std::string& field, const std::string& fallback) const;
  double number_or(const std::string& field, double fallback) const;
  bool boolean_or(const std::string& field, bool fallback) const;
  std::uint64_t count_or(const std::string& field, std::uint64_t low, std::uint64_t high,
                         std::uint64_t fallback) const;

  const Json& json() const { return *value_; }
  const std::string& origin() const { return origin_; }

 private:
  const Json* value_; // not owned
  std::string origin_;
};

} // namespace intarsia
