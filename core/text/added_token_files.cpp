// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Tokens at their ids.
#include <algorithm>

#include "core/base/error.h"
#include "core/text/tokenizer_files.h"

namespace intarsia {
namespace {

constexpr std::int64_t max_id = 1 << 21; // the largest vocabularies have some 2^18 tokens

} // namespace

void place_token(TokenizerSpec& spec, std::int64_t id, const std::string& text, TokenType type) {
  if (id < 0 || id > max_id)
    throw input_error(spec.origin + ": token \"" + text + "\" has id " + std::to_string(id) +
                      ", which is out of range");
  if (std::size_t(id) >= spec.tokens.size()) {
    spec.tokens.resize(std::size_t(id) + 1);
    spec.types.resize(std::size_t(id) + 1, TokenType::unused);
    if (!spec.scores.empty()) spec.scores.resize(std::size_t(id) + 1);
    if (!spec.outside_model.empty()) spec.outside_model.resize(std::size_t(id) + 1);
  }
  spec.tokens[std::size_t(id)] = text;
  spec.types[std::size_t(id)] = type;
}

void place_added_token(TokenizerSpec& spec, const AddedToken& token) {
  const auto known = std::find_if(spec.added.begin(), spec.added.end(),
                                  [&](const AddedToken& other) { return other.id == token.id; });
  const bool in_model = token.id >= 0 && std::size_t(token.id) < spec.tokens.size() &&
                        spec.tokens[std::size_t(token.id)] == token.content &&
                        (spec.outside_model.empty() || !spec.outside_model[std::size_t(token.id)]);
  const TokenType type = token.special ? TokenType::control : TokenType::user_defined;
  const TokenType before = in_model ? spec.types[std::size_t(token.id)] : type;
  // A byte or a piece of the model stays what it is to the model.
  place_token(spec, token.id, token.content,
              before == TokenType::byte || before == TokenType::normal ? before : type);
  if (!in_model) {
    if (spec.outside_model.empty()) spec.outside_model.resize(spec.tokens.size());
    spec.outside_model[std::size_t(token.id)] = true;
  }
  if (known != spec.added.end())
    *known = token;
  else
    spec.added.push_back(token);
}

AddedToken added_token_of(const JsonObject& json, std::int64_t id) {
  if (id < 0 || id > max_id)
    throw input_error(json.origin() + ": an added token has id " + std::to_string(id) +
                      ", which is out of range");
  AddedToken token;
  token.id = int(id);
  token.content = json.string("content");
  token.special = json.boolean_or("special", false);
  token.single_word = json.boolean_or("single_word", false);
  token.lstrip = json.boolean_or("lstrip", false);
  token.rstrip = json.boolean_or("rstrip", false);
  token.normalized = json.boolean_or("normalized", !token.special);
  return token;
}

} // namespace intarsia
