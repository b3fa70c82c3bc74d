// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// sentencepiece_model.proto: pieces (1), trainer_spec (2), normalizer_spec (3).
#include <bit>
#include <cstring>

#include "core/base/error.h"
#include "core/base/foreign_content.h"
#include "core/text/stage_json.h"
#include "core/text/tokenizer_files.h"

namespace intarsia {
namespace {

struct Field {
  std::uint64_t number = 0;
  std::uint64_t integer = 0; // wire types 0, 1 and 5
  std::string_view bytes;    // wire type 2
};

class ProtobufReader {
 public:
  ProtobufReader(std::string_view data, const std::string& origin)
      : data_(data)
      , origin_(origin) {}

  bool next(Field& field) {
    if (data_.empty()) return false;
    const std::uint64_t key = varint();
    field = {key >> 3, 0, {}};
    switch (key & 7) {
    case 0:
      field.integer = varint();
      break;
    case 1:
      field.integer = fixed<std::uint64_t>();
      break;
    case 2:
      field.bytes = take(varint());
      break;
    case 5:
      field.integer = fixed<std::uint32_t>();
      break;
    default:
      broken();
    }
    return true;
  }

 private:
  [[noreturn]] void broken() const {
    throw input_error(origin_ + ": is not a SentencePiece model or is damaged");
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    broken();
  }

  template <typename T>
  T fixed() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  std::string_view take(std::uint64_t count) {
    if (count > data_.size()) broken();
    const std::string_view taken = data_.substr(0, count);
    data_.remove_prefix(count);
    return taken;
  }

  std::string_view data_;
  const std::string& origin_;
};

void read_piece(std::string_view bytes, TokenizerSpec& spec) {
  ProtobufReader reader(bytes, spec.origin);
  std::string text;
  float score = 0;
  std::uint64_t type = 1;
  for (Field field; reader.next(field);) {
    if (field.number == 1) text = field.bytes;
    if (field.number == 2) score = std::bit_cast<float>(std::uint32_t(field.integer));
    if (field.number == 3) type = field.integer;
  }
  constexpr TokenType types[] = {TokenType::normal,  TokenType::normal,       TokenType::unknown,
                                 TokenType::control, TokenType::user_defined, TokenType::unused,
                                 TokenType::byte};
  if (type >= std::size(types))
    throw input_error(spec.origin + ": piece \"" + text + "\" has an unknown type");
  spec.tokens.push_back(text);
  spec.scores.push_back(score);
  spec.types.push_back(types[type]);
}

struct Rules {
  std::string charsmap;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true,
       whitespace_as_suffix = false;
};

void read_trainer(std::string_view bytes, TokenizerSpec& spec, Rules& rules) {
  ProtobufReader reader(bytes, spec.origin);
  constexpr std::uint64_t unigram = 1, bpe = 2;
  std::uint64_t model_type = unigram;
  spec.unknown = 0; // the proto's defaults
  spec.bos = 1;
  spec.eos = 2;
  for (Field field; reader.next(field);) {
    if (field.number == 3) model_type = field.integer;
    if (field.number == 24) rules.whitespace_as_suffix = field.integer != 0;
    if (field.number == 35) spec.byte_fallback = field.integer != 0;
    if (field.number == 40) spec.unknown = int(field.integer);
    if (field.number == 41) spec.bos = int(field.integer);
    if (field.number == 42) spec.eos = int(field.integer);
    if (field.number == 43) spec.pad = int(field.integer);
  }
  if (model_type != bpe && model_type != unigram)
    throw Error(ErrorKind::unsupported, spec.origin +
                                            ": is a SentencePiece model of words or characters; BPE and "
                                            "Unigram are supported");
  spec.model = model_type == bpe ? TokenModelKind::sentencepiece_bpe : TokenModelKind::sentencepiece_unigram;
}

void read_normalizer(std::string_view bytes, const TokenizerSpec& spec, Rules& rules) {
  ProtobufReader reader(bytes, spec.origin);
  for (Field field; reader.next(field);) {
    if (field.number == 2) rules.charsmap = field.bytes;
    if (field.number == 3) rules.add_dummy_prefix = field.integer != 0;
    if (field.number == 4) rules.remove_extra_whitespaces = field.integer != 0;
    if (field.number == 5) rules.escape_whitespaces = field.integer != 0;
  }
}

void set_stages(const Rules& rules, TokenizerSpec& spec) {
  Json stage{{"type", "SentencePiece"},
             {"precompiled_charsmap", to_base64(rules.charsmap)},
             {"add_dummy_prefix", rules.add_dummy_prefix},
             {"remove_extra_whitespaces", rules.remove_extra_whitespaces},
             {"escape_whitespaces", rules.escape_whitespaces},
             {"treat_whitespace_as_suffix", rules.whitespace_as_suffix}};
  spec.decoder = stage;
  spec.decoder.erase("precompiled_charsmap");
  if (spec.unknown >= 0 && std::size_t(spec.unknown) < spec.tokens.size())
    spec.decoder["unknown"] = spec.tokens[std::size_t(spec.unknown)];
  Json user_defined = Json::array();
  for (std::size_t id = 0; id < spec.tokens.size(); ++id)
    if (spec.types[id] == TokenType::user_defined) user_defined.push_back(spec.tokens[id]);
  stage["user_defined"] = std::move(user_defined);
  spec.normalizer = std::move(stage);
}

} // namespace

TokenizerSpec parse_sentencepiece_model(std::string_view bytes, const std::string& origin) {
  if (const std::string content = foreign_content(bytes); !content.empty())
    throw input_error(origin + ": " + content);
  TokenizerSpec spec;
  Rules rules;
  spec.origin = origin;
  spec.model = TokenModelKind::sentencepiece_unigram;
  spec.fuse_unknown = true;
  ProtobufReader reader(bytes, origin);
  for (Field field; reader.next(field);) {
    if (field.number == 1) read_piece(field.bytes, spec);
    if (field.number == 2) read_trainer(field.bytes, spec, rules);
    if (field.number == 3) read_normalizer(field.bytes, spec, rules);
  }
  set_stages(rules, spec);
  for (std::size_t id = 0; id < spec.tokens.size(); ++id)
    if (spec.types[id] == TokenType::control) {
      AddedToken token;
      token.id = int(id);
      token.content = spec.tokens[id];
      token.special = true;
      spec.added.push_back(token);
    }
  spec.add_bos = spec.bos >= 0; // as transformers' LlamaTokenizer does
  return spec;
}

} // namespace intarsia
