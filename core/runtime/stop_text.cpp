// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/stop_text.h"

#include <algorithm>

namespace intarsia {

StopText::StopText(std::vector<std::string> markers, std::function<void(std::string_view)> on_text)
    : markers_(std::move(markers))
    , on_text_(std::move(on_text)) {
  std::erase_if(markers_, [](const std::string& marker) { return marker.empty(); });
}

void StopText::push(std::string_view piece) {
  if (found_) return;
  pending_ += piece;
  std::size_t first = std::string::npos;
  for (const std::string& marker : markers_)
    if (const auto found = pending_.find(marker); found < first) {
      first = found;
      marker_ = marker;
    }
  if (first == std::string::npos) return release(pending_.size() - held_back());
  found_ = true;
  release(first);
  pending_.clear();
}

// Bytes at the end that may be the beginning of a marker. Pieces are whole characters and markers begin with
// one, so no character is cut.
std::size_t StopText::held_back() const {
  std::size_t most = 0;
  for (const std::string& marker : markers_) {
    std::size_t held = std::min(pending_.size(), marker.size() - 1);
    while (held > most && !pending_.ends_with(std::string_view(marker).substr(0, held))) --held;
    most = std::max(most, held);
  }
  return most;
}

void StopText::finish() { release(pending_.size()); }

void StopText::release(std::size_t length) {
  const std::string ready = pending_.substr(0, length);
  pending_.erase(0, length);
  text_ += ready;
  if (!ready.empty() && on_text_) on_text_(ready);
}

} // namespace intarsia
