// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace intarsia::jinja {

// The text of a string literal between its quotes, with Python's escapes resolved; an escape that Python does
// not know stays as it is. Nothing when an escape lacks its digits or names no character.
std::optional<std::string> string_of_literal(std::string_view literal);

} // namespace intarsia::jinja
