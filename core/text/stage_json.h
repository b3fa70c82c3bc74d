// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How the stages of a tokenizer.json are read: by type out of a table, patterns as literals or regexes.
#pragma once

#include <string>
#include <unordered_map>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/text/regex.h"

namespace intarsia {

template <typename Maker>
Maker maker_of(const std::unordered_map<std::string, Maker>& makers, const JsonObject& json,
               const char* what) {
  const std::string type = json.string("type");
  const auto found = makers.find(type);
  if (found == makers.end())
    throw Error(ErrorKind::unsupported,
                json.origin() + ": " + what + " of type \"" + type + "\" is not supported");
  return found->second;
}

// The list in a field. Throws Error when it is not a list.
const Json& list_of(const JsonObject& json, const std::string& field);

// {"String": "…"} or {"Regex": "…"} in the field "pattern", as a regex.
std::string pattern_of(const JsonObject& json);

std::string replaced_matches(const Regex& pattern, const std::string& text, const std::string& content);

// Throws Error naming `origin` for what is not base64.
std::string bytes_of_base64(std::string_view text, const std::string& origin);
std::string to_base64(std::string_view bytes);

} // namespace intarsia
