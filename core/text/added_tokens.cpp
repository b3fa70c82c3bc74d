// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/added_tokens.h"

#include <algorithm>
#include <functional>

#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

std::size_t previous_character(std::string_view text,
                               std::size_t end) { // where the character before `end` begins
  std::size_t start = end;
  do --start;
  while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80);
  return start;
}

bool word_ends(std::string_view text) {
  return !text.empty() &&
         is_word_character(read_utf8(text, previous_character(text, text.size())).code_point);
}
bool word_begins(std::string_view text) {
  return !text.empty() && is_word_character(read_utf8(text, 0).code_point);
}

std::size_t blanks_before(std::string_view text) {
  std::size_t start = text.size();
  while (start > 0) {
    const std::size_t previous = previous_character(text, start);
    if (!is_white_space(read_utf8(text, previous).code_point)) break;
    start = previous;
  }
  return text.size() - start;
}
std::size_t blanks_behind(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const Utf8Character c = read_utf8(text, end);
    if (!is_white_space(c.code_point)) break;
    end += c.length;
  }
  return end;
}

} // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string& content = tokens_[i].content;
    if (!by_content_.emplace(content, i).second) continue; // of twins the first counts
    auto& lengths = lengths_[static_cast<unsigned char>(content[0])];
    if (std::find(lengths.begin(), lengths.end(), content.size()) == lengths.end())
      lengths.push_back(content.size());
  }
  for (auto& lengths : lengths_) std::sort(lengths.begin(), lengths.end(), std::greater<>());
}

const AddedToken* AddedTokenFinder::token_at(std::string_view text, bool find_special) const {
  for (const std::size_t length : lengths_[static_cast<unsigned char>(text[0])]) {
    if (length > text.size()) continue;
    const auto found = by_content_.find(text.substr(0, length));
    if (found == by_content_.end()) continue;
    const AddedToken& token = tokens_[found->second];
    if (find_special || !token.special) return &token;
  }
  return nullptr;
}

std::vector<TextPart> AddedTokenFinder::cut(std::string_view text, bool find_special) const {
  std::vector<TextPart> parts;
  std::size_t start = 0; // of the plain text not yet put out
  for (std::size_t position = 0; position < text.size();) {
    const AddedToken* token = token_at(text.substr(position), find_special);
    if (!token) {
      ++position;
      continue;
    }
    std::size_t begin = position, end = position + token->content.size();
    position = end;
    if (token->single_word && (word_ends(text.substr(0, begin)) || word_begins(text.substr(end)))) continue;
    if (token->lstrip) begin = std::max(start, begin - blanks_before(text.substr(0, begin)));
    if (token->rstrip) end += blanks_behind(text.substr(end));
    if (begin > start) parts.push_back({text.substr(start, begin - start), -1});
    parts.push_back({{}, token->id});
    start = position = std::max(end, position);
  }
  if (start < text.size()) parts.push_back({text.substr(start), -1});
  return parts;
}

} // namespace intarsia
