// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Unigram: of all ways to cut a text into known pieces the one with the best sum of scores (Viterbi).
// SentencePiece's unigram_model.cc, EncodeOptimized, in single precision; tokenizers' models/unigram in
// double.
#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/text/sentencepiece_pieces.h"
#include "core/text/token_model.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

// All pieces in order: those that a text begins with are found by narrowing a range byte by byte.
class PrefixIndex {
 public:
  void add(std::string_view piece, int id) { pieces_.emplace_back(piece, id); }
  void finish() { std::sort(pieces_.begin(), pieces_.end()); }

  template <typename Visit> // visit(length, id), shortest first
  void visit_prefixes(std::string_view text, const Visit& visit) const {
    auto low = pieces_.begin(), high = pieces_.end();
    for (std::size_t length = 0; length < text.size(); ++length) {
      const auto byte = [length](const Piece& piece) {
        return piece.first.size() <= length ? -1 : int(static_cast<unsigned char>(piece.first[length]));
      };
      const int wanted = static_cast<unsigned char>(text[length]);
      low = std::partition_point(low, high, [&](const Piece& piece) { return byte(piece) < wanted; });
      high = std::partition_point(low, high, [&](const Piece& piece) { return byte(piece) <= wanted; });
      if (low == high) return;
      if (low->first.size() == length + 1) visit(length + 1, low->second);
    }
  }

 private:
  using Piece = std::pair<std::string_view, int>;
  std::vector<Piece> pieces_;
};

template <typename Score>
class UnigramModel : public TokenModel {
 public:
  UnigramModel(const TokenizerSpec& spec, const Vocabulary& vocabulary, bool sentencepiece)
      : spec_(spec)
      , pieces_(spec, vocabulary)
      , sentencepiece_(sentencepiece) {
    Score least = std::numeric_limits<Score>::max(), most = std::numeric_limits<Score>::lowest();
    for (const int id : vocabulary.ids()) {
      const std::string& token = spec.tokens[std::size_t(id)];
      const bool usable = !sentencepiece || (pieces_.find(token) >= 0 && !pieces_.is_unused(id));
      if (usable) index_.add(token, id);
      if (sentencepiece && pieces_.find(token) >= 0 && (pieces_.is_unused(id) || pieces_.is_user_defined(id)))
        continue; // their scores say nothing
      if (sentencepiece && pieces_.find(token) < 0) continue;
      least = std::min(least, Score(spec.scores[std::size_t(id)]));
      most = std::max(most, Score(spec.scores[std::size_t(id)]));
    }
    index_.finish();
    unknown_score_ = least - Score(10);
    best_score_ = most;
  }

  void encode(std::string_view text, std::vector<int>& ids) const override {
    const std::vector<Node> best = best_paths(text);
    std::vector<std::pair<std::string_view, int>> cut; // from the end
    for (std::size_t end = text.size(); end > 0; end = best[end].start)
      cut.emplace_back(text.substr(best[end].start, end - best[end].start), best[end].id);
    std::reverse(cut.begin(), cut.end());
    bool after_unknown = false;
    for (std::size_t i = 0; i < cut.size(); ++i) {
      auto [piece, id] = cut[i];
      if (id >= 0) {
        ids.push_back(id);
      } else {
        // tokenizers joins unknown neighbours before it looks for their bytes; the result is the same.
        const bool known = pieces_.put_out_unknown(piece, after_unknown, ids);
        if (!known && !sentencepiece_)
          throw input_error(spec_.origin +
                            ": the text has characters that the vocabulary does not have, and the "
                            "model has no unknown token (\"unk_id\") for them");
      }
      after_unknown = id < 0;
    }
  }

 private:
  struct Node {
    Score score = 0;
    std::size_t start = 0;
    int id = -1;
    bool reached = false;
  };

  std::vector<Node> best_paths(std::string_view text) const {
    std::vector<Node> best(text.size() + 1);
    const auto offer = [&](std::size_t start, std::size_t end, Score score, int id) {
      if (best[end].reached && !(score > best[end].score)) return;
      best[end] = {score, start, id, true};
    };
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t character = read_utf8(text, start).length;
      const Score so_far = best[start].score;
      bool single = false;
      index_.visit_prefixes(text.substr(start), [&](std::size_t length, int id) {
        const bool frozen = sentencepiece_ && pieces_.is_user_defined(id);
        const Score score =
            frozen ? Score(double(length) * double(best_score_) - 0.1) : Score(spec_.scores[std::size_t(id)]);
        offer(start, start + length, score + so_far, id == spec_.unknown ? -1 : id);
        single = single || length == character;
      });
      if (!single) offer(start, start + character, unknown_score_ + so_far, -1);
      start += character;
    }
    return best;
  }

  const TokenizerSpec& spec_;
  SentencePieces pieces_;
  PrefixIndex index_;
  bool sentencepiece_;
  Score unknown_score_ = 0, best_score_ = 0;
};

} // namespace

std::unique_ptr<TokenModel> make_unigram_model(const TokenizerSpec& spec, const Vocabulary& vocabulary) {
  if (spec.model == TokenModelKind::sentencepiece_unigram)
    return std::make_unique<UnigramModel<float>>(spec, vocabulary, true);
  return std::make_unique<UnigramModel<double>>(spec, vocabulary, false);
}

} // namespace intarsia
