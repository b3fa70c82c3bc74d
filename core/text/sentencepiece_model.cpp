// SPDX-License-Identifier: GPL-3.0-or-later
// sentencepiece_model.proto, as far as a BPE model needs it: pieces (1), trainer_spec (2), normalizer_spec
// (3).
#include <bit>
#include <cstring>

#include "core/base/error.h"
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
    throw input_error(origin_ + ": is no SentencePiece model or is damaged");
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

void read_trainer(std::string_view bytes, TokenizerSpec& spec) {
  ProtobufReader reader(bytes, spec.origin);
  constexpr std::uint64_t unigram = 1, bpe = 2;
  std::uint64_t model_type = unigram;
  spec.unknown = 0; // the proto's defaults
  spec.bos = 1;
  spec.eos = 2;
  for (Field field; reader.next(field);) {
    if (field.number == 3) model_type = field.integer;
    if (field.number == 40) spec.unknown = int(field.integer);
    if (field.number == 41) spec.bos = int(field.integer);
    if (field.number == 42) spec.eos = int(field.integer);
    if (field.number == 43) spec.pad = int(field.integer);
  }
  if (model_type != bpe)
    throw Error(ErrorKind::unsupported,
                spec.origin + ": is a SentencePiece model of another kind than BPE, which is not supported");
}

void read_normalizer(std::string_view bytes, TokenizerSpec& spec) {
  ProtobufReader reader(bytes, spec.origin);
  for (Field field; reader.next(field);)
    if (field.number == 3) spec.add_space_prefix = field.integer != 0;
}

} // namespace

TokenizerSpec parse_sentencepiece_model(std::string_view bytes, const std::string& origin) {
  TokenizerSpec spec;
  spec.origin = origin;
  spec.kind = TokenizerKind::sentencepiece_bpe;
  ProtobufReader reader(bytes, origin);
  for (Field field; reader.next(field);) {
    if (field.number == 1) read_piece(field.bytes, spec);
    if (field.number == 2) read_trainer(field.bytes, spec);
    if (field.number == 3) read_normalizer(field.bytes, spec);
  }
  spec.add_bos = spec.bos >= 0; // as transformers' LlamaTokenizer does
  return spec;
}

} // namespace intarsia
