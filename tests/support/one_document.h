// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include "core/evaluation/evaluation.h"

namespace intarsia::test {

// Tokens that are one document; `bos` stands before each window, -1: nothing does.
inline EvaluationText one_document(std::span<const int> tokens, int bos = -1) {
  return {{tokens.begin(), tokens.end()}, {0}, bos};
}

} // namespace intarsia::test
