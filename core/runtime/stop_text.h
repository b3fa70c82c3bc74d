// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace intarsia {

// A filter of streamed text: passes it on up to the first marker (a stop text such as "\nUser:") and holds
// back an end that may be the beginning of one.
class StopText {
 public:
  // Empty markers are ignored. `on_text` may be empty.
  StopText(std::vector<std::string> markers, std::function<void(std::string_view)> on_text);
  StopText(std::string marker, std::function<void(std::string_view)> on_text)
      : StopText(std::vector{std::move(marker)}, std::move(on_text)) {}

  void push(std::string_view piece); // ignored once a marker was found
  void finish();                     // at the end of the text: passes on what was held back
  bool found() const { return found_; }
  const std::string& marker() const { return marker_; } // the one that was found
  const std::string& text() const { return text_; }     // all that was passed on

 private:
  std::size_t held_back() const;
  void release(std::size_t length);

  std::vector<std::string> markers_;
  std::string pending_, text_, marker_;
  std::function<void(std::string_view)> on_text_;
  bool found_ = false;
};

} // namespace intarsia
