// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/cli/line_reader.h"

#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace intarsia::cli {

namespace {
constexpr int poll_interval = 50; // milliseconds between looks at the stop token
}

// True when there is something to read (or the end of it).
bool LineReader::wait(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&input, 1, poll_interval);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true; // let read() tell
  }
  return false;
}

std::optional<std::string> LineReader::next(std::stop_token stop) {
  for (;;) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    if (at_end_) {
      if (buffer_.empty()) return std::nullopt;
      return std::exchange(buffer_, "");
    }
    if (!wait(stop)) return std::nullopt;
    std::array<char, 4096> chunk;
    const ssize_t size = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (size > 0) buffer_.append(chunk.data(), std::size_t(size));
    at_end_ = size == 0 || (size < 0 && errno != EINTR);
  }
}

} // namespace intarsia::cli
