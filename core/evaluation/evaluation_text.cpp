// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>

#include "core/base/error.h"
#include "core/evaluation/evaluation.h"

namespace intarsia {
namespace {

constexpr std::string_view separator = "<|endoftext|>"; // as corpora of plain text have it

bool has(const std::vector<int>& tokens, int token) {
  return token >= 0 && std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

void begin_document(EvaluationText& text, std::size_t at) {
  if (at > text.documents.back() && at < text.tokens.size()) text.documents.push_back(at);
}

// Each part behind a separator by itself: no token spans two documents.
void encode_parts(const Tokenizer& tokenizer, std::string_view from, EvaluationText& text) {
  Tokenizer::EncodeOptions plain;
  plain.add_special = false;
  for (std::size_t begin = 0; begin < from.size();) {
    const std::size_t end = std::min(from.find(separator, begin), from.size());
    const auto part = tokenizer.encode(std::string(from.substr(begin, end - begin)), plain);
    if (!part.empty() && !text.tokens.empty()) text.documents.push_back(text.tokens.size());
    text.tokens.insert(text.tokens.end(), part.begin(), part.end());
    begin = end + separator.size();
  }
}

} // namespace

std::vector<int> begin_tokens(const Tokenizer* tokenizer) {
  const int begin = tokenizer ? begin_token(*tokenizer) : -1;
  return begin >= 0 ? std::vector{begin} : std::vector<int>();
}

int begin_token(const Tokenizer& tokenizer) {
  Tokenizer::EncodeOptions plain;
  plain.add_special = false;
  const auto with = tokenizer.encode("a"), without = tokenizer.encode("a", plain);
  const bool begins = with.size() > without.size() && !without.empty() && with[1] == without[0];
  return begins ? with[0] : -1;
}

EvaluationText evaluation_text(const Tokenizer& tokenizer, const std::string& from) {
  const TokenizerSpec& spec = tokenizer.spec();
  EvaluationText text;
  text.bos = begin_token(tokenizer);
  Tokenizer::EncodeOptions plain;
  plain.add_special = false;
  const bool known = std::find(spec.tokens.begin(), spec.tokens.end(), separator) != spec.tokens.end();
  if (!known && from.find(separator) != std::string::npos) {
    encode_parts(tokenizer, from, text);
    return text;
  }
  text.tokens = tokenizer.encode(from, plain);
  const bool begins = has(text.tokens, spec.bos);
  for (std::size_t i = 0; i < text.tokens.size(); ++i)
    if (begins && text.tokens[i] == spec.bos)
      begin_document(text, i);
    else if (!begins && spec.eos >= 0 && text.tokens[i] == spec.eos)
      begin_document(text, i + 1);
  return text;
}

std::string description(const EvaluationText& text, const Tokenizer& tokenizer) {
  const std::string documents =
      text.documents.size() == 1 ? "one document" : std::to_string(text.documents.size()) + " documents";
  if (text.bos < 0) return documents + ", nothing put before a window";
  return documents + ", " + tokenizer.spec().tokens[std::size_t(text.bos)] +
         " put before each window, as the tokenizer begins texts";
}

} // namespace intarsia
