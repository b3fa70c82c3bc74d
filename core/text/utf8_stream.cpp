// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/utf8_stream.h"

#include <utility>

#include "core/text/utf8.h"

namespace intarsia {

std::string Utf8Stream::push(std::string_view bytes) {
  pending_ += bytes;
  std::size_t whole = 0; // bytes of complete (or hopeless) characters
  while (whole < pending_.size()) {
    const Utf8Character character = read_utf8(pending_, whole);
    if (character.truncated) break;
    whole += character.length;
  }
  std::string out = to_valid_utf8(std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
  return out;
}

std::string Utf8Stream::finish() {
  if (pending_.empty()) return {};
  pending_.clear();
  return "\xEF\xBF\xBD";
}

} // namespace intarsia
