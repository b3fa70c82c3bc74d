// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/frame_buffer.h"

#include <algorithm>

namespace intarsia {

void FrameBuffer::drop(std::size_t count) {
  start_ += count;
  searched_ = start_;
  if (start_ < buffer_.size() / 2) return; // moving the rest each time would cost the square of many lines
  buffer_.erase(0, start_);
  start_ = searched_ = 0;
}

std::optional<FrameBuffer::Line> FrameBuffer::next_line() {
  const std::size_t end = buffer_.find('\n', std::max(searched_, start_));
  const std::size_t length = (end == std::string::npos ? buffer_.size() : end) - start_;
  const bool too_long = skipping_ || length > max_line_bytes_;
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    if (too_long) drop(length);
    skipping_ = too_long;
    return std::nullopt;
  }
  Line line{too_long ? std::string() : buffer_.substr(start_, length), too_long};
  if (!line.text.empty() && line.text.back() == '\r') line.text.pop_back();
  skipping_ = false;
  drop(length + 1);
  return line;
}

std::optional<std::string> FrameBuffer::next_bytes(std::size_t count) {
  if (buffer_.size() - start_ < count) return std::nullopt;
  std::string bytes = buffer_.substr(start_, count);
  drop(count);
  return bytes;
}

} // namespace intarsia
