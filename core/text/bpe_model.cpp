// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Byte-pair encoding by a list of merges (tokenizers, models/bpe).
#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

#include "core/base/error.h"
#include "core/text/merge_symbols.h"
#include "core/text/token_model.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

class BpeModel : public TokenModel {
 public:
  BpeModel(const TokenizerSpec& spec, const Vocabulary& vocabulary)
      : spec_(spec)
      , vocabulary_(vocabulary) {
    merges_.reserve(spec.merges.size());
    for (std::size_t rank = 0; rank < spec.merges.size(); ++rank) read_merge(rank);
    sort_merges();
  }

  void encode(std::string_view piece, std::vector<int>& ids) const override {
    if (spec_.ignore_merges)
      if (const int id = vocabulary_.find(piece); id >= 0) return ids.push_back(id);
    std::vector<Symbol> symbols = symbols_of(piece);
    merge_symbols(symbols, [this](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
      const PairMerge* found = find(left.id, right.id);
      return found ? std::optional<Merge>({double(found->rank), found->merged}) : std::nullopt;
    });
    for (const Symbol& symbol : symbols) ids.push_back(symbol.id);
  }

 private:
  // A flat table: a map of 100,000 pairs takes three times the memory.
  struct PairMerge {
    int left, right, merged; // token ids
    std::uint32_t rank;
  };

  void read_merge(std::size_t rank) {
    const auto& [left, right] = spec_.merges[rank];
    const bool continued = !spec_.subword_prefix.empty() && right.starts_with(spec_.subword_prefix);
    const int left_id = vocabulary_.find(left), right_id = vocabulary_.find(right);
    const int merged =
        vocabulary_.find(left + (continued ? right.substr(spec_.subword_prefix.size()) : right));
    if (left_id < 0 || right_id < 0 || merged < 0)
      throw input_error(spec_.origin + ": merge \"" + left + " " + right +
                        "\" is of tokens not in the vocabulary");
    merges_.push_back({left_id, right_id, merged, std::uint32_t(rank)});
  }

  // By the left token, then the right one; of a pair that stands twice the first counts.
  void sort_merges() {
    std::sort(merges_.begin(), merges_.end(), [](const PairMerge& a, const PairMerge& b) {
      return std::tie(a.left, a.right, a.rank) < std::tie(b.left, b.right, b.rank);
    });
    of_left_.assign(spec_.tokens.size() + 1, 0);
    for (const PairMerge& merge : merges_) ++of_left_[std::size_t(merge.left) + 1];
    std::partial_sum(of_left_.begin(), of_left_.end(), of_left_.begin());
  }

  const PairMerge* find(int left, int right) const {
    if (left < 0) return nullptr;
    const auto begin = merges_.begin() + of_left_[std::size_t(left)];
    const auto end = merges_.begin() + of_left_[std::size_t(left) + 1];
    const auto found = std::lower_bound(
        begin, end, right, [](const PairMerge& merge, int token) { return merge.right < token; });
    return found != end && found->right == right ? &*found : nullptr;
  }

  // Every character as a symbol; an unknown one as its bytes, as the unknown token, or not at all.
  std::vector<Symbol> symbols_of(std::string_view piece) const {
    std::vector<Symbol> symbols;
    symbols.reserve(piece.size());
    std::optional<Symbol> unknown; // not yet put out: neighbours may join it
    const auto put_out = [&] {
      if (unknown) symbols.push_back(*unknown);
      unknown.reset();
    };
    std::vector<int> bytes;
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t length = read_utf8(piece, at).length;
      std::string decorated;
      std::string_view character = piece.substr(at, length);
      const bool first = at == 0, last = at + length == piece.size();
      if ((!first && !spec_.subword_prefix.empty()) || (last && !spec_.word_suffix.empty())) {
        decorated =
            (first ? "" : spec_.subword_prefix) + std::string(character) + (last ? spec_.word_suffix : "");
        character = decorated;
      }
      bytes.clear();
      if (const int id = vocabulary_.find(character); id >= 0) {
        put_out();
        symbols.push_back({at, length, id});
      } else if (spec_.byte_fallback && vocabulary_.append_bytes(character, bytes)) {
        for (std::size_t i = 0; i < bytes.size(); ++i) symbols.push_back({at, 1, bytes[i]});
      } else if (spec_.unknown >= 0) {
        if (unknown && spec_.fuse_unknown) {
          unknown->length += length;
        } else {
          put_out();
          unknown = Symbol{at, length, spec_.unknown};
        }
      }
      at += length;
    }
    put_out();
    return symbols;
  }

  const TokenizerSpec& spec_;
  const Vocabulary& vocabulary_;
  std::vector<PairMerge> merges_;
  std::vector<std::uint32_t> of_left_; // where each left token's merges begin
};

} // namespace

std::unique_ptr<TokenModel> make_bpe_model(const TokenizerSpec& spec, const Vocabulary& vocabulary) {
  return std::make_unique<BpeModel>(spec, vocabulary);
}

} // namespace intarsia
