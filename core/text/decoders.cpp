// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The decoders of tokenizer.json; a new one is a class and a row of the table below.
#include "core/text/decoder.h"

#include <algorithm>
#include <unordered_map>

#include "core/text/byte_alphabet.h"
#include "core/text/sentencepiece_normalizer.h"
#include "core/text/stage_json.h"
#include "core/text/token_model.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

using Pointer = std::unique_ptr<Decoder>;

std::string replaced_text(std::string text, std::string_view from, std::string_view to) {
  if (from.empty()) return text;
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// One that treats every token alike.
class TokenwiseDecoder : public Decoder {
 public:
  void decode(std::vector<TokenText>& tokens) const override {
    for (TokenText& token : tokens) token.text = piece(std::move(token.text));
  }
};

class ByteLevelDecoder : public Decoder {
 public:
  explicit ByteLevelDecoder(const JsonObject&) {}
  void decode(std::vector<TokenText>& tokens) const override {
    for (TokenText& token : tokens)
      if (!token.added) token.text = piece(std::move(token.text));
  }
  std::string piece(std::string token) const override { return bytes_of_token(token).value_or(token); }
};

class ReplaceDecoder : public TokenwiseDecoder {
 public:
  explicit ReplaceDecoder(const JsonObject& json)
      : pattern_(pattern_of(json), json.origin())
      , content_(json.string("content")) {}
  std::string piece(std::string token) const override {
    if (to_valid_utf8(token) != token) return token; // a part of a character
    return replaced_matches(pattern_, token, content_);
  }

 private:
  Regex pattern_;
  std::string content_;
};

// Runs of byte tokens become their characters; each byte of a run that is not UTF-8 becomes U+FFFD.
class ByteFallbackDecoder : public Decoder {
 public:
  explicit ByteFallbackDecoder(const JsonObject&) {}
  void decode(std::vector<TokenText>& tokens) const override {
    std::vector<TokenText> out;
    std::string run;
    const auto flush = [&] {
      const bool valid = to_valid_utf8(run) == run;
      if (valid && !run.empty()) out.push_back({run, false});
      for (std::size_t i = 0; !valid && i < run.size(); ++i) out.push_back({"\xEF\xBF\xBD", false});
      run.clear();
    };
    for (TokenText& token : tokens) {
      if (const int byte = byte_of_token(token.text); byte >= 0) {
        run += char(byte);
        continue;
      }
      flush();
      out.push_back(std::move(token));
    }
    flush();
    tokens = std::move(out);
  }
  std::string piece(std::string token) const override {
    const int byte = byte_of_token(token);
    return byte < 0 ? token : std::string(1, char(byte));
  }
};

class FuseDecoder : public Decoder {
 public:
  explicit FuseDecoder(const JsonObject&) {}
  void decode(std::vector<TokenText>& tokens) const override {
    std::string all;
    for (const TokenText& token : tokens) all += token.text;
    tokens = {{std::move(all), false}};
  }
  std::string piece(std::string token) const override { return token; }
};

class StripDecoder : public Decoder {
 public:
  explicit StripDecoder(const JsonObject& json)
      : content_(json.string("content"))
      , start_(json.count_or("start", 0, 1000, 0))
      , stop_(json.count_or("stop", 0, 1000, 0)) {}
  void decode(std::vector<TokenText>& tokens) const override {
    for (TokenText& token : tokens) {
      for (std::size_t i = 0; i < start_ && !content_.empty() && token.text.starts_with(content_); ++i)
        token.text.erase(0, content_.size());
      for (std::size_t i = 0; i < stop_ && !content_.empty() && token.text.ends_with(content_); ++i)
        token.text.resize(token.text.size() - content_.size());
    }
  }
  std::string piece(std::string token) const override { return token; } // where a token stands is not known

 private:
  std::string content_;
  std::size_t start_, stop_;
};

class MetaspaceDecoder : public Decoder {
 public:
  explicit MetaspaceDecoder(const JsonObject& json)
      : mark_(json.string_or("replacement", "\u2581"))
      , prefixed_(json.string_or("prepend_scheme",
                                 json.boolean_or("add_prefix_space", true) ? "always" : "never") != "never") {
  }
  void decode(std::vector<TokenText>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i)
      tokens[i].text = replaced_text(tokens[i].text, mark_, i == 0 && prefixed_ ? "" : " ");
  }
  std::string piece(std::string token) const override { return replaced_text(std::move(token), mark_, " "); }

 private:
  std::string mark_;
  bool prefixed_;
};

class BpeDecoder : public Decoder {
 public:
  explicit BpeDecoder(const JsonObject& json)
      : suffix_(json.string_or("suffix", "</w>")) {}
  void decode(std::vector<TokenText>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i)
      tokens[i].text = replaced_text(tokens[i].text, suffix_, i + 1 == tokens.size() ? "" : " ");
  }
  std::string piece(std::string token) const override {
    return replaced_text(std::move(token), suffix_, " ");
  }

 private:
  std::string suffix_;
};

class WordPieceDecoder : public Decoder {
 public:
  explicit WordPieceDecoder(const JsonObject& json)
      : prefix_(json.string_or("prefix", "##"))
      , clean_up_(json.boolean_or("cleanup", true)) {}
  void decode(std::vector<TokenText>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& text = tokens[i].text;
      if (i > 0) text = piece(std::move(text));
      if (clean_up_) text = cleaned(std::move(text));
    }
  }
  std::string piece(std::string token) const override {
    return token.starts_with(prefix_) ? token.substr(prefix_.size()) : " " + token;
  }

 private:
  static std::string cleaned(std::string text) { // transformers' clean_up_tokenization
    constexpr std::pair<std::string_view, std::string_view> rules[] = {
        {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
        {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (const auto& [from, to] : rules) text = replaced_text(std::move(text), from, to);
    return text;
  }
  std::string prefix_;
  bool clean_up_;
};

// SentencePiece's own: marks become spaces, bytes their characters, the unknown token "⁇", and the space that
// its normalizer put at the start goes again (also where it put it at the end: SentencePiece does not mind).
class SentencePieceDecoder : public Decoder {
 public:
  explicit SentencePieceDecoder(const JsonObject& json)
      : strips_start_(json.boolean_or("add_dummy_prefix", true) ||
                      json.boolean_or("remove_extra_whitespaces", true))
      , strips_more_(json.boolean_or("remove_extra_whitespaces", true))
      , unknown_(json.string_or("unknown", "")) {}
  void decode(std::vector<TokenText>& tokens) const override {
    bool first = true;
    for (TokenText& token : tokens) {
      const bool piece_of_text = !token.added && token.text != unknown_ && byte_of_token(token.text) < 0;
      token.text = piece(std::move(token.text));
      if (first && strips_start_ && piece_of_text && token.text.starts_with(' ')) token.text.erase(0, 1);
      first = first && token.text.empty() && strips_more_;
    }
  }
  std::string piece(std::string token) const override {
    if (!unknown_.empty() && token == unknown_) return " \u2047 ";
    if (const int byte = byte_of_token(token); byte >= 0) return std::string(1, char(byte));
    return replaced_text(std::move(token), space_mark, " ");
  }

 private:
  bool strips_start_, strips_more_;
  std::string unknown_;
};

class SequenceDecoder : public Decoder {
 public:
  explicit SequenceDecoder(const JsonObject& json) {
    for (const Json& part : list_of(json, "decoders"))
      parts_.push_back(make_decoder(JsonObject(part, json.origin())));
  }
  void decode(std::vector<TokenText>& tokens) const override {
    for (const auto& part : parts_) part->decode(tokens);
  }
  std::string piece(std::string token) const override {
    for (const auto& part : parts_) token = part->piece(std::move(token));
    return token;
  }

 private:
  std::vector<Pointer> parts_;
};

template <typename T>
Pointer make(const JsonObject& json) {
  return std::make_unique<T>(json);
}

} // namespace

Pointer make_decoder(const JsonObject& json) {
  static const std::unordered_map<std::string, Pointer (*)(const JsonObject&)> makers{
      {"Sequence", make<SequenceDecoder>},   {"ByteLevel", make<ByteLevelDecoder>},
      {"Replace", make<ReplaceDecoder>},     {"ByteFallback", make<ByteFallbackDecoder>},
      {"Fuse", make<FuseDecoder>},           {"Strip", make<StripDecoder>},
      {"Metaspace", make<MetaspaceDecoder>}, {"BPEDecoder", make<BpeDecoder>},
      {"WordPiece", make<WordPieceDecoder>}, {"SentencePiece", make<SentencePieceDecoder>},
  };
  return maker_of(makers, json, "a decoder")(json);
}

} // namespace intarsia
