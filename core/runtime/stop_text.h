// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace intarsia {

// Passes streamed text on up to a marker that ends it ("\nUser:"), holding back what may be its beginning.
class StopText {
 public:
  // An empty marker never comes. `on_text` may be empty.
  StopText(std::string marker, std::function<void(std::string_view)> on_text)
      : marker_(std::move(marker))
      , on_text_(std::move(on_text)) {}

  void push(std::string_view piece); // ignored once the marker has come
  void finish();                     // passes on what was held back
  bool came() const { return came_; }
  const std::string& text() const { return text_; } // all that was passed on

 private:
  void release(std::size_t length);

  std::string marker_, pending_, text_;
  std::function<void(std::string_view)> on_text_;
  bool came_ = false;
};

} // namespace intarsia
