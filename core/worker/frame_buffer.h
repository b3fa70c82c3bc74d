// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Cuts a stream of bytes into lines, of bounded length, and blocks of raw bytes between them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace intarsia {

class FrameBuffer {
 public:
  explicit FrameBuffer(std::size_t longest_line)
      : longest_line_(longest_line) {}

  struct Line {
    std::string text; // without its end; empty when it was too long
    bool too_long = false;
  };

  void push(std::string_view bytes) { buffer_.append(bytes); }
  // Nothing: the line is not complete yet. Of a line that is too long nothing is kept but that it came.
  std::optional<Line> next_line();
  // The next `count` bytes, or nothing until they are there.
  std::optional<std::string> next_bytes(std::size_t count);

 private:
  void drop(std::size_t count);

  std::size_t longest_line_;
  std::string buffer_;
  std::size_t start_ = 0, searched_ = 0; // what is taken already; up to where there is no line end
  bool skipping_ = false;                // the rest of a line that is too long
};

} // namespace intarsia
