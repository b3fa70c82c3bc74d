// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the pieces of an answer have beside its text.
#pragma once

#include "core/server/api.h"

namespace intarsia::server {

// Takes the model's thought out of the piece's text.
std::string take_thought(Completion& completion, Piece& piece);
// Takes out what is, or may become, a call of a tool; the calls come with the last piece. After
// take_thought().
std::vector<ToolCall> take_calls(Completion& completion, Piece& piece);

// Counts the last piece of a choice.
void add_to(Usage& usage, const Piece& piece, std::size_t choices_a_prompt);

} // namespace intarsia::server
