// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/thought_reader.h"

#include <algorithm>
#include <utility>

namespace intarsia {
namespace {

constexpr std::string_view spaces = " \t\r\n";

std::size_t leading_spaces(std::string_view text) {
  return std::min(text.find_first_not_of(spaces), text.size());
}

// Bytes in front of white space at the end.
std::size_t trimmed_size(std::string_view text) {
  const auto last = text.find_last_not_of(spaces);
  return last == std::string_view::npos ? 0 : last + 1;
}

// Bytes in front of what may become `mark` at the end.
std::size_t size_before_part_of(std::string_view mark, std::string_view text) {
  for (std::size_t size = std::min(mark.size() - 1, text.size()); size > 0; --size)
    if (text.ends_with(mark.substr(0, size))) return text.size() - size;
  return text.size();
}

} // namespace

ThoughtReader::ThoughtReader(std::vector<ThinkingMarks> known, std::optional<ThinkingMarks> open)
    : known_(std::move(known))
    , close_(open ? open->close : "")
    , state_(open             ? State::thought
             : known_.empty() ? State::answer
                              : State::before) {}

ThoughtReader::Parts ThoughtReader::add(std::string_view text) {
  held_ += text;
  Parts told;
  while (step(told)) {
  }
  return told;
}

bool ThoughtReader::opens() {
  const std::size_t start = leading_spaces(held_);
  for (const ThinkingMarks& marks : known_)
    if (std::string_view(held_).substr(start).starts_with(marks.open)) {
      close_ = marks.close;
      held_.erase(0, start + marks.open.size());
      return true;
    }
  return false;
}

bool ThoughtReader::step(Parts& told) {
  switch (state_) {
  case State::before: {
    if (opens()) {
      state_ = State::thought;
      return true;
    }
    const std::string_view text = std::string_view(held_).substr(leading_spaces(held_));
    if (std::any_of(known_.begin(), known_.end(),
                    [&](const ThinkingMarks& marks) { return marks.open.starts_with(text); }))
      return false;
    state_ = State::answer;
    return true;
  }
  case State::thought: {
    if (!told_) held_.erase(0, leading_spaces(held_));
    const auto end = held_.find(close_);
    const std::size_t certain =
        trimmed_size(std::string_view(held_).substr(0, std::min(end, size_before_part_of(close_, held_))));
    told.thought += held_.substr(0, certain);
    told_ = told_ || certain > 0;
    held_.erase(0, end == std::string::npos ? certain : end + close_.size());
    if (end == std::string::npos) return false;
    state_ = State::behind;
    return true;
  }
  case State::behind:
    held_.erase(0, leading_spaces(held_));
    if (held_.empty()) return false;
    state_ = State::answer;
    return true;
  case State::answer:
    told.answer += std::exchange(held_, {});
    return false;
  }
  return false;
}

ThoughtReader::Parts ThoughtReader::finish() {
  Parts rest;
  if (state_ == State::thought)
    rest.thought = held_.substr(0, trimmed_size(held_));
  else
    rest.answer = held_;
  held_.clear();
  return rest;
}

} // namespace intarsia
