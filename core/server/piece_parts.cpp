// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/piece_parts.h"

#include <utility>

namespace intarsia::server {

void add_to(Usage& usage, const Piece& piece, std::size_t choices_a_prompt) {
  if (piece.choice % choices_a_prompt == 0) { // a prompt is counted once
    usage.prompt_tokens += piece.result.prompt_tokens;
    usage.cached_tokens += piece.result.reused_tokens;
  }
  usage.completion_tokens += piece.result.tokens.size();
}

std::string take_thought(Completion& completion, Piece& piece) {
  if (completion.thoughts.empty()) return {};
  ThoughtReader& reader = completion.thoughts[piece.choice];
  ThoughtReader::Parts parts = reader.add(piece.text);
  if (piece.last) {
    const ThoughtReader::Parts rest = reader.finish();
    parts.thought += rest.thought;
    parts.answer += rest.answer;
  }
  piece.text = std::move(parts.answer);
  return std::move(parts.thought);
}

std::vector<ToolCall> take_calls(Completion& completion, Piece& piece) {
  if (completion.readers.empty()) return {};
  ToolCallReader& reader = completion.readers[piece.choice];
  piece.text = reader.add(piece.text);
  if (!piece.last) return {};
  AnswerWithCalls rest = reader.finish();
  piece.text += rest.text;
  return std::move(rest.calls);
}

} // namespace intarsia::server
