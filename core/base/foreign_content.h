// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a file is when it is not what was expected, by its first bytes: downloads go wrong in a few known
// ways.
#pragma once

#include <string>
#include <string_view>

namespace intarsia {

// A phrase for behind the file's name that says what it is and what to do next; empty when nothing is
// recognised. `bytes`: the file's, or its first kilobyte.
std::string foreign_content(std::string_view bytes);

} // namespace intarsia
