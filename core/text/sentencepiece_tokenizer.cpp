// SPDX-License-Identifier: GPL-3.0-or-later
// SentencePiece's BPE: spaces become U+2581, characters merge by score (or by rank where a tokenizer.json
// lists merges), and what stays unknown falls back to byte tokens.
#include <array>
#include <charconv>
#include <unordered_map>

#include "core/base/error.h"
#include "core/text/bpe_tokenizers.h"
#include "core/text/merge_symbols.h"
#include "core/text/token_table.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

constexpr std::string_view space_mark = "\xE2\x96\x81"; // U+2581

std::string with_marks(std::string_view text) {
  std::string marked;
  for (const char c : text) {
    if (c == ' ')
      marked += space_mark;
    else
      marked += c;
  }
  return marked;
}

std::string with_spaces(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size();) {
    if (token.substr(i).starts_with(space_mark)) {
      text += ' ';
      i += space_mark.size();
    } else {
      text += token[i++];
    }
  }
  return text;
}

// The byte of "<0x0A>"; -1 for any other token.
int byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  return error == std::errc() && end == token.data() + 5 ? byte : -1;
}

class SentencePieceTokenizer : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(TokenizerSpec spec)
      : table_(std::move(spec)) {
    if (this->spec().merges.empty() && this->spec().scores.size() != this->spec().tokens.size())
      throw input_error(this->spec().origin +
                        ": the tokenizer has neither merges nor a score for every token");
    byte_tokens_.fill(-1);
    for (std::size_t id = 0; id < this->spec().tokens.size(); ++id) {
      const int byte = table_.type(int(id)) == TokenType::byte ? byte_of_token(this->spec().tokens[id]) : -1;
      if (byte >= 0) byte_tokens_[std::size_t(byte)] = int(id);
    }
    read_merges();
  }

  std::vector<int> encode(std::string_view text, EncodeOptions options) const override {
    std::vector<int> ids;
    if (options.add_special && spec().add_bos) ids.push_back(spec().bos);
    bool prefix = spec().add_space_prefix; // at the start and after each special token
    for (const TextPart& part : table_.cut_specials(text, options.parse_special)) {
      if (part.special >= 0) {
        ids.push_back(part.special);
        prefix = spec().add_space_prefix && !spec().prefix_once;
        continue;
      }
      if (spec().prefix_missing && (part.text.starts_with(' ') || part.text.starts_with(space_mark)))
        prefix = false;
      encode_text((prefix ? " " : "") + to_valid_utf8(part.text), ids);
      prefix = false;
    }
    if (options.add_special && spec().add_eos) ids.push_back(spec().eos);
    return ids;
  }

  std::string token_bytes(int id) const override {
    if (!table_.valid(id)) return {};
    const std::string& token = spec().tokens[std::size_t(id)];
    if (table_.type(id) == TokenType::byte)
      if (const int byte = byte_of_token(token); byte >= 0) return std::string(1, char(byte));
    if (table_.type(id) == TokenType::normal) return with_spaces(token);
    return token;
  }

  bool is_control(int id) const override { return table_.valid(id) && table_.type(id) == TokenType::control; }

  std::string decode(const std::vector<int>& ids, bool keep_special) const override {
    std::string text;
    bool strip = spec().add_space_prefix;
    for (const int id : ids) {
      if (is_special(id)) {
        if (keep_special || !is_control(id)) text += token_bytes(id);
        if (!spec().prefix_once) strip = spec().add_space_prefix;
        if (spec().prefix_once && !text.empty()) strip = false;
        continue;
      }
      const std::string bytes = token_bytes(id);
      text += strip && bytes.starts_with(' ') ? bytes.substr(1) : bytes;
      strip = false;
    }
    return text;
  }

  const TokenizerSpec& spec() const override { return table_.spec(); }
  int find(std::string_view token) const override { return table_.find(token); }

 private:
  bool is_special(int id) const {
    return table_.valid(id) &&
           (table_.type(id) == TokenType::control || table_.type(id) == TokenType::user_defined);
  }

  void read_merges() {
    for (std::size_t rank = 0; rank < spec().merges.size(); ++rank) {
      const auto& [left, right] = spec().merges[rank];
      if (table_.find(left + right) < 0)
        throw input_error(spec().origin + ": merge \"" + left + " " + right +
                          "\" makes a token not in the vocabulary");
      ranks_.emplace(merge_key(left, right), rank);
    }
  }

  std::optional<Merge> merge_of(std::string_view text, const Symbol& left, const Symbol& right) const {
    const int id = table_.find(text.substr(left.begin, left.length + right.length));
    if (id < 0 || table_.type(id) != TokenType::normal) return std::nullopt;
    if (ranks_.empty()) return Merge{-double(spec().scores[std::size_t(id)]), id};
    const auto rank =
        ranks_.find(merge_key(text.substr(left.begin, left.length), text.substr(right.begin, right.length)));
    if (rank == ranks_.end()) return std::nullopt;
    return Merge{double(rank->second), id};
  }

  void encode_text(const std::string& plain, std::vector<int>& ids) const {
    const std::string text = with_marks(plain);
    std::vector<Symbol> symbols;
    for (std::size_t position = 0; position < text.size();) {
      const std::size_t length = read_utf8(text, position).length;
      const int id = table_.find(std::string_view(text).substr(position, length));
      symbols.push_back({position, length, id >= 0 && table_.type(id) == TokenType::normal ? id : -1});
      position += length;
    }
    merge_symbols(symbols,
                  [&](const Symbol& left, const Symbol& right) { return merge_of(text, left, right); });
    for (const Symbol& symbol : symbols) {
      if (symbol.id >= 0)
        ids.push_back(symbol.id);
      else
        fall_back(std::string_view(text).substr(symbol.begin, symbol.length), ids);
    }
  }

  void fall_back(std::string_view bytes, std::vector<int>& ids) const {
    for (const char c : bytes) {
      const int id = byte_tokens_[static_cast<unsigned char>(c)];
      if (id >= 0) {
        ids.push_back(id);
      } else {
        if (spec().unknown >= 0) ids.push_back(spec().unknown);
        return;
      }
    }
  }

  TokenTable table_;
  std::array<int, 256> byte_tokens_{};
  std::unordered_map<std::string, std::size_t> ranks_;
};

} // namespace

std::string merge_key(std::string_view left, std::string_view right) {
  std::string key(left);
  key += '\0';
  key += right;
  return key;
}

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(TokenizerSpec spec) {
  return std::make_unique<SentencePieceTokenizer>(std::move(spec));
}

} // namespace intarsia
