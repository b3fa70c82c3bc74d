// SPDX-License-Identifier: GPL-3.0-or-later
// Byte-level BPE: cut by the pre-tokenizer's regexes, write each byte in GPT-2's alphabet, merge pairs by
// rank.
#include <array>
#include <unordered_map>

#include "core/base/error.h"
#include "core/text/bpe_tokenizers.h"
#include "core/text/byte_alphabet.h"
#include "core/text/merge_symbols.h"
#include "core/text/regex_splitter.h"
#include "core/text/token_table.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

class ByteLevelTokenizer : public Tokenizer {
 public:
  explicit ByteLevelTokenizer(TokenizerSpec spec)
      : table_(std::move(spec))
      , splitter_(table_.spec().split_patterns, table_.spec().origin) {
    for (std::size_t byte = 0; byte < 256; ++byte) byte_tokens_[byte] = table_.find(byte_alphabet()[byte]);
    read_merges();
  }

  std::vector<int> encode(std::string_view text, EncodeOptions options) const override {
    std::vector<int> ids;
    if (options.add_special && spec().add_bos) ids.push_back(spec().bos);
    for (const TextPart& part : table_.cut_specials(text, options.parse_special)) {
      if (part.special >= 0)
        ids.push_back(part.special);
      else
        encode_text(part.text, ids);
    }
    if (options.add_special && spec().add_eos) ids.push_back(spec().eos);
    return ids;
  }

  std::string token_bytes(int id) const override {
    if (!table_.valid(id)) return {};
    const std::string& token = spec().tokens[std::size_t(id)];
    if (table_.type(id) != TokenType::normal) return token;
    return bytes_of_token(token).value_or(token);
  }

  bool is_control(int id) const override { return table_.valid(id) && table_.type(id) == TokenType::control; }

  std::string decode(const std::vector<int>& ids, bool keep_special) const override {
    std::string text;
    for (const int id : ids)
      if (keep_special || !is_control(id)) text += token_bytes(id);
    return text;
  }

  const TokenizerSpec& spec() const override { return table_.spec(); }
  int find(std::string_view token) const override { return table_.find(token); }

 private:
  static std::uint64_t pair_key(int left, int right) {
    return (std::uint64_t(std::uint32_t(left)) << 32) | std::uint32_t(right);
  }

  void read_merges() {
    const auto& merges = spec().merges;
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
      const auto& [left, right] = merges[rank];
      const int left_id = table_.find(left), right_id = table_.find(right),
                merged = table_.find(left + right);
      if (left_id < 0 || right_id < 0 || merged < 0)
        throw input_error(spec().origin + ": merge \"" + left + " " + right +
                          "\" is of tokens not in the vocabulary");
      merges_.emplace(pair_key(left_id, right_id), Merge{double(rank), merged});
    }
  }

  void encode_text(std::string_view text, std::vector<int>& ids) const {
    std::string clean = to_valid_utf8(text);
    if (spec().nfc) clean = normalized(clean, NormalForm::nfc);
    for (const std::string_view piece : splitter_.split(clean)) encode_piece(piece, ids);
  }

  void encode_piece(std::string_view piece, std::vector<int>& ids) const {
    if (spec().ignore_merges) {
      std::string whole;
      for (const char c : piece) whole += byte_alphabet()[static_cast<unsigned char>(c)];
      if (const int id = table_.find(whole); id >= 0) return ids.push_back(id);
    }
    std::vector<Symbol> symbols;
    symbols.reserve(piece.size());
    for (std::size_t i = 0; i < piece.size(); ++i)
      symbols.push_back({i, 1, byte_tokens_[static_cast<unsigned char>(piece[i])]});
    merge_symbols(symbols, [this](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
      if (left.id < 0 || right.id < 0) return std::nullopt;
      const auto found = merges_.find(pair_key(left.id, right.id));
      if (found == merges_.end()) return std::nullopt;
      return found->second;
    });
    for (const Symbol& symbol : symbols) {
      const int id = symbol.id >= 0 ? symbol.id : spec().unknown;
      if (id >= 0) ids.push_back(id);
    }
  }

  TokenTable table_;
  RegexSplitter splitter_;
  std::array<int, 256> byte_tokens_{};
  std::unordered_map<std::uint64_t, Merge> merges_;
};

} // namespace

std::unique_ptr<Tokenizer> make_byte_level_tokenizer(TokenizerSpec spec) {
  return std::make_unique<ByteLevelTokenizer>(std::move(spec));
}

std::unique_ptr<Tokenizer> make_tokenizer(TokenizerSpec spec) {
  return spec.kind == TokenizerKind::byte_level_bpe ? make_byte_level_tokenizer(std::move(spec))
                                                    : make_sentencepiece_tokenizer(std::move(spec));
}

} // namespace intarsia
