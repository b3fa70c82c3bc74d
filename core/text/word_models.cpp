// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// WordPiece and WordLevel (tokenizers, models/wordpiece and models/wordlevel).
#include "core/base/error.h"
#include "core/text/token_model.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

[[noreturn]] void refuse_unknown_word(const TokenizerSpec& spec) {
  throw input_error(spec.origin +
                    ": the text has words that the vocabulary does not have, and the model has no "
                    "unknown token (\"unk_token\") for them");
}

class WordPiece : public TokenModel {
 public:
  WordPiece(const TokenizerSpec& spec, const Vocabulary& vocabulary)
      : spec_(spec)
      , vocabulary_(vocabulary) {}

  void encode(std::string_view word, std::vector<int>& ids) const override {
    const std::size_t before = ids.size();
    bool known = count_characters(word) <= spec_.longest_word;
    for (std::size_t start = 0; known && start < word.size();) {
      std::size_t end = word.size();
      int id = -1;
      for (; end > start; --end) { // the longest piece that begins here
        const bool boundary = end == word.size() || (static_cast<unsigned char>(word[end]) & 0xC0) != 0x80;
        if (!boundary) continue;
        const std::string_view part = word.substr(start, end - start);
        id = start == 0 ? vocabulary_.find(part) : vocabulary_.find(spec_.subword_prefix + std::string(part));
        if (id >= 0) break;
      }
      known = id >= 0;
      if (known) ids.push_back(id);
      start = end;
    }
    if (known) return;
    ids.resize(before);
    if (spec_.unknown < 0) refuse_unknown_word(spec_);
    ids.push_back(spec_.unknown);
  }

 private:
  const TokenizerSpec& spec_;
  const Vocabulary& vocabulary_;
};

class WordLevel : public TokenModel {
 public:
  WordLevel(const TokenizerSpec& spec, const Vocabulary& vocabulary)
      : spec_(spec)
      , vocabulary_(vocabulary) {}

  void encode(std::string_view word, std::vector<int>& ids) const override {
    const int id = vocabulary_.find(word);
    if (id < 0 && spec_.unknown < 0) refuse_unknown_word(spec_);
    ids.push_back(id >= 0 ? id : spec_.unknown);
  }

 private:
  const TokenizerSpec& spec_;
  const Vocabulary& vocabulary_;
};

} // namespace

std::unique_ptr<TokenModel> make_word_piece_model(const TokenizerSpec& spec, const Vocabulary& vocabulary) {
  return std::make_unique<WordPiece>(spec, vocabulary);
}

std::unique_ptr<TokenModel> make_word_level_model(const TokenizerSpec& spec, const Vocabulary& vocabulary) {
  return std::make_unique<WordLevel>(spec, vocabulary);
}

} // namespace intarsia
