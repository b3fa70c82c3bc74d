// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include "core/text/jinja/interpreter.h"

namespace intarsia::jinja {

constexpr int deepest = 600; // statements and expressions under way, inside macros too: bounds the stack

class Interpreter::DepthHold {
 public:
  explicit DepthHold(int& count)
      : depth_(count) {
    if (depth_ >= deepest) template_error("nests or recurses too deeply");
    ++depth_;
  }
  ~DepthHold() { --depth_; }
  DepthHold(const DepthHold&) = delete;
  DepthHold& operator=(const DepthHold&) = delete;

 private:
  int& depth_;
};

} // namespace intarsia::jinja
