// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <QString>

namespace intarsia::ui {

// What a reasoning model writes before its answer, apart from it.
struct ThoughtAndAnswer {
  QString thought, answer;
  bool thinking = false; // the answer has not begun
};

// Splits at the marks of core/text/chat_format.h, such as <think> … </think>. Templates may have written the
// first into the prompt, so that the text begins with a thought and only its end is marked.
ThoughtAndAnswer split_thinking(const QString& text);

} // namespace intarsia::ui
