// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/stop_text.h"

#include <algorithm>

namespace intarsia {

void StopText::push(std::string_view piece) {
  if (came_) return;
  pending_ += piece;
  std::size_t held = 0;
  if (!marker_.empty()) {
    if (const auto found = pending_.find(marker_); found != std::string::npos) {
      came_ = true;
      release(found);
      pending_.clear();
      return;
    }
    held = std::min(pending_.size(), marker_.size() - 1);
    while (held > 0 && !pending_.ends_with(std::string_view(marker_).substr(0, held))) --held;
  }
  release(pending_.size() - held);
}

void StopText::finish() { release(pending_.size()); }

void StopText::release(std::size_t length) {
  const std::string ready = pending_.substr(0, length);
  pending_.erase(0, length);
  text_ += ready;
  if (!ready.empty() && on_text_) on_text_(ready);
}

} // namespace intarsia
