// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/byte_alphabet.h"

#include <vector>

#include "core/text/utf8.h"

namespace intarsia {
namespace {

bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr char32_t first_substitute = 256; // bytes that don't print take the characters from here on

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<std::uint8_t, 256> order{};
  std::vector<int> byte_of; // by code point; -1: none

  Alphabet()
      : byte_of(first_substitute + 256, -1) {
    std::size_t next = 0;
    for (int byte = 0; byte < 256; ++byte)
      if (is_printable(byte)) place(byte, char32_t(byte), next++);
    char32_t substitute = first_substitute;
    for (int byte = 0; byte < 256; ++byte)
      if (!is_printable(byte)) place(byte, substitute++, next++);
  }

  void place(int byte, char32_t character, std::size_t position) {
    append_utf8(character, characters[std::size_t(byte)]);
    byte_of[character] = byte;
    order[position] = std::uint8_t(byte);
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

} // namespace

const std::array<std::string, 256>& byte_alphabet() { return alphabet().characters; }
const std::array<std::uint8_t, 256>& byte_order_of_gpt2() { return alphabet().order; }

std::string to_byte_alphabet(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 3 / 2);
  for (const char c : bytes) out += alphabet().characters[static_cast<unsigned char>(c)];
  return out;
}

std::optional<std::string> bytes_of_token(std::string_view token) {
  std::string bytes;
  for (std::size_t position = 0; position < token.size();) {
    const Utf8Character character = read_utf8(token, position);
    if (!character.valid || character.code_point >= alphabet().byte_of.size()) return std::nullopt;
    const int byte = alphabet().byte_of[character.code_point];
    if (byte < 0) return std::nullopt;
    bytes.push_back(char(byte));
    position += character.length;
  }
  return bytes;
}

} // namespace intarsia
