// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/text/token_table.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace intarsia {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

void check_id(const TokenizerSpec& spec, int id, const char* what) {
  if (id < -1 || (id >= 0 && std::size_t(id) >= spec.tokens.size()))
    throw input_error(spec.origin + ": the " + what + " token " + std::to_string(id) +
                      " is not in the vocabulary of " + std::to_string(spec.tokens.size()));
}

} // namespace

TokenTable::TokenTable(TokenizerSpec spec)
    : spec_(std::move(spec)) {
  if (spec_.tokens.empty()) throw input_error(spec_.origin + ": the tokenizer has no tokens");
  if (!spec_.types.empty() && spec_.types.size() != spec_.tokens.size())
    throw input_error(spec_.origin + ": the tokenizer has not as many token types as tokens");
  check_id(spec_, spec_.bos, "begin");
  check_id(spec_, spec_.eos, "end");
  check_id(spec_, spec_.unknown, "unknown");
  check_id(spec_, spec_.pad, "padding");
  if (spec_.bos < 0) spec_.add_bos = false; // some files ask for a token that they do not name
  if (spec_.eos < 0) spec_.add_eos = false;
  if (!std::all_of(spec_.scores.begin(), spec_.scores.end(),
                   [](float score) { return std::isfinite(score); }))
    throw input_error(spec_.origin + ": a token's score is not a finite number");
  for (std::size_t id = 0; id < spec_.tokens.size(); ++id) {
    const std::string& token = spec_.tokens[id];
    if (token.empty()) continue;  // a hole in the numbering
    ids_.emplace(token, int(id)); // of twins the first counts
    const TokenType kind = type(int(id));
    if (kind == TokenType::control || kind == TokenType::user_defined)
      specials_[static_cast<unsigned char>(token[0])].push_back(int(id));
  }
  for (auto& list : specials_)
    std::stable_sort(list.begin(), list.end(), [this](int a, int b) {
      return spec_.tokens[std::size_t(a)].size() > spec_.tokens[std::size_t(b)].size();
    });
}

int TokenTable::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? -1 : found->second;
}

int TokenTable::special_at(std::string_view text, std::size_t position, bool parse_control) const {
  for (const int id : specials_[static_cast<unsigned char>(text[position])]) {
    if (!parse_control && type(id) == TokenType::control) continue;
    if (text.substr(position).starts_with(spec_.tokens[std::size_t(id)])) return id;
  }
  return -1;
}

std::vector<TextPart> TokenTable::cut_specials(std::string_view text, bool parse_control) const {
  std::vector<TextPart> parts;
  std::size_t start = 0, position = 0;
  while (position < text.size()) {
    const int id = special_at(text, position, parse_control);
    if (id < 0) {
      ++position;
      continue;
    }
    std::size_t end = position;
    if (spec_.strip_left.contains(id))
      while (end > start && is_space(text[end - 1])) --end;
    if (end > start) parts.push_back({text.substr(start, end - start), -1});
    parts.push_back({{}, id});
    position += spec_.tokens[std::size_t(id)].size();
    if (spec_.strip_right.contains(id))
      while (position < text.size() && is_space(text[position])) ++position;
    start = position;
  }
  if (start < text.size()) parts.push_back({text.substr(start), -1});
  return parts;
}

} // namespace intarsia
