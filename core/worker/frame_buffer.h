// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Splits a stream of bytes into lines of bounded length and blocks of raw bytes between them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace intarsia {

class FrameBuffer {
 public:
  explicit FrameBuffer(std::size_t max_line_bytes)
      : max_line_bytes_(max_line_bytes) {}

  struct Line {
    std::string text; // without the newline; empty when it was too long
    bool too_long = false;
  };

  void push(std::string_view bytes) { buffer_.append(bytes); }
  // nullopt: the line is not complete yet. A line that is too long is discarded and returned with too_long
  // set.
  std::optional<Line> next_line();
  // The next `count` bytes; nullopt until they have arrived.
  std::optional<std::string> next_bytes(std::size_t count);

 private:
  void drop(std::size_t count);

  std::size_t max_line_bytes_;
  std::string buffer_;
  // Bytes before start_ are consumed; none before searched_ is a newline.
  std::size_t start_ = 0, searched_ = 0;
  bool skipping_ = false; // discarding the rest of a line that is too long
};

} // namespace intarsia
