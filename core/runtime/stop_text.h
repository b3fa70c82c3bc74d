// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace intarsia {

// Passes streamed text on up to the first of some markers that ends it ("\nUser:"), holding back what may be
// its beginning.
class StopText {
 public:
  // Empty markers never come. `on_text` may be empty.
  StopText(std::vector<std::string> markers, std::function<void(std::string_view)> on_text);
  StopText(std::string marker, std::function<void(std::string_view)> on_text)
      : StopText(std::vector{std::move(marker)}, std::move(on_text)) {}

  void push(std::string_view piece); // ignored once a marker has come
  void finish();                     // passes on what was held back
  bool came() const { return came_; }
  const std::string& marker() const { return marker_; } // the one that came
  const std::string& text() const { return text_; }     // all that was passed on

 private:
  std::size_t held_back() const;
  void release(std::size_t length);

  std::vector<std::string> markers_;
  std::string pending_, text_, marker_;
  std::function<void(std::string_view)> on_text_;
  bool came_ = false;
};

} // namespace intarsia
