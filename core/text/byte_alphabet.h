// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// GPT-2's printable alphabet: every byte has one character, so that byte-level tokens can be written as text
// (openai/gpt-2, encoder.py, bytes_to_unicode).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace intarsia {

// The character of each byte, in UTF-8.
const std::array<std::string, 256>& byte_alphabet();
// Bytes in the order GPT-2 numbers them: printable ones first.
const std::array<std::uint8_t, 256>& byte_order_of_gpt2();
// Bytes as characters of the alphabet.
std::string to_byte_alphabet(std::string_view bytes);
// The bytes that a token in the alphabet stands for; nullopt when it holds a character outside it.
std::optional<std::string> bytes_of_token(std::string_view token);

} // namespace intarsia
