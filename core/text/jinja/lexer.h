// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace intarsia::jinja {

struct Token {
  enum class Kind {
    text,
    open_output,
    close_output,
    open_block,
    close_block,
    name,
    integer,
    real,
    string,
    symbol,
    end
  };
  Kind kind = Kind::end;
  std::string text;
  int line = 1;
};

// White space control ("-"), trim_blocks (the newline after a block goes) and lstrip_blocks (blanks before a
// block at the start of a line go) are applied here; comments are dropped. Throws Error naming the line.
std::vector<Token> tokenize(std::string_view source);

} // namespace intarsia::jinja
