// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <string>
#include <string_view>

namespace intarsia {

// Turns a stream of token bytes into whole UTF-8 characters: a character split across tokens is held back
// until it is complete; bytes that can never become one are replaced by U+FFFD.
class Utf8Stream {
 public:
  std::string push(std::string_view bytes);
  std::string finish(); // what was held back, replaced by U+FFFD when incomplete

 private:
  std::string pending_;
};

} // namespace intarsia
