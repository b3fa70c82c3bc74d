// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// SentencePiece's BPE (bpe_model.cc): characters merge by the score of what they make; user-defined pieces
// stay whole; what stays unknown becomes bytes, or one unknown token for each run.
#include <map>
#include <optional>

#include "core/base/error.h"
#include "core/text/merge_symbols.h"
#include "core/text/sentencepiece_pieces.h"
#include "core/text/token_model.h"

namespace intarsia {
namespace {

class SentencePieceBpe : public TokenModel {
 public:
  SentencePieceBpe(const TokenizerSpec& spec, const Vocabulary& vocabulary)
      : spec_(spec)
      , pieces_(spec, vocabulary) {}

  void encode(std::string_view text, std::vector<int>& ids) const override {
    std::vector<Symbol> symbols;
    for (std::size_t at = 0; at < text.size();) {
      const SentencePieces::Start start = pieces_.start_at(text.substr(at));
      symbols.push_back({at, start.length, start.frozen ? frozen(start.id) : start.id});
      at += start.length;
    }
    std::map<int, std::pair<std::size_t, std::size_t>> unused; // merged into a piece that is not a token
    merge_symbols(symbols, [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
      if (left.id < -1 || right.id < -1) return std::nullopt; // frozen
      const int id = pieces_.find(text.substr(left.begin, left.length + right.length));
      if (id < 0) return std::nullopt;
      if (pieces_.is_unused(id)) unused.insert_or_assign(id, std::pair(left.length, right.length));
      return Merge{-spec_.scores[std::size_t(id)], id};
    });
    bool after_unknown = false;
    for (const Symbol& symbol : symbols)
      put_out(text.substr(symbol.begin, symbol.length), symbol.id < -1 ? frozen(symbol.id) : symbol.id,
              unused, after_unknown, ids);
  }

 private:
  static int frozen(int id) { return -2 - id; } // marks a symbol that merges with nothing; its own inverse

  using Unused = std::map<int, std::pair<std::size_t, std::size_t>>;

  void put_out(std::string_view piece, int id, const Unused& unused, bool& after_unknown,
               std::vector<int>& ids) const {
    if (id >= 0 && pieces_.is_unused(id)) {
      if (const auto parts = unused.find(id); parts != unused.end()) { // back to what was merged
        const std::string_view left = piece.substr(0, parts->second.first),
                               right = piece.substr(parts->second.first);
        put_out(left, pieces_.find(left), unused, after_unknown, ids);
        return put_out(right, pieces_.find(right), unused, after_unknown, ids);
      }
    }
    if (id >= 0)
      ids.push_back(id);
    else
      pieces_.put_out_unknown(piece, after_unknown, ids);
    after_unknown = id < 0;
  }

  const TokenizerSpec& spec_;
  SentencePieces pieces_;
};

} // namespace

std::unique_ptr<TokenModel> make_sentencepiece_bpe_model(const TokenizerSpec& spec,
                                                         const Vocabulary& vocabulary) {
  return std::make_unique<SentencePieceBpe>(spec, vocabulary);
}

} // namespace intarsia
