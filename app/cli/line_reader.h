// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <optional>
#include <stop_token>
#include <string>

namespace intarsia::cli {

// Lines of standard input, from a terminal or a pipe, that can be waited for without missing a stop.
class LineReader {
 public:
  // The next line without its end; nullopt at end of input or on a stop.
  std::optional<std::string> next(std::stop_token stop);

 private:
  bool wait(const std::stop_token& stop);

  std::string buffer_;
  bool at_end_ = false;
};

} // namespace intarsia::cli
