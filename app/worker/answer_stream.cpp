// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/answer_stream.h"

#include <cerrno>

namespace intarsia::worker {

void Output::send(OrderedJson line, std::span<const float> payload) {
  if (!payload.empty()) line["bytes"] = payload.size_bytes();
  const std::string text = line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex_);
  write(text);
  write({reinterpret_cast<const char*>(payload.data()), payload.size_bytes()});
}

void Output::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(std::size_t(written));
  }
}

} // namespace intarsia::worker
