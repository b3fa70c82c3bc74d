// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Takes the thought that a reasoning model writes first apart from its answer, as both come.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/chat_format.h"

namespace intarsia {

class ThoughtReader {
 public:
  struct Parts {
    std::string thought, answer;
  };

  // `known`: marks that the model uses; none: all text is an answer. `open`: those of a thought that the
  // prompt has begun already (open_thought()), so that the text begins inside it.
  explicit ThoughtReader(std::vector<ThinkingMarks> known = {}, std::optional<ThinkingMarks> open = {});

  // What is certain. White space around a thought, and between it and the answer, belongs to neither.
  Parts add(std::string_view text);
  Parts finish(); // what was held back

 private:
  enum class State { before, thought, behind, answer };
  bool opens();           // a thought, in front of the held text
  bool step(Parts& told); // false: more text is needed

  std::vector<ThinkingMarks> known_;
  std::string close_, held_;
  State state_;
  bool told_ = false; // a part of the thought
};

} // namespace intarsia
