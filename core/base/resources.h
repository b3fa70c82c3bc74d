// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <filesystem>

namespace intarsia {

// What comes with Intarsia, found from where the running program lies: installed, in a packed folder, or in
// the build tree, so that each of them can be moved. Throws Error{resource} when `name` is not there.
std::filesystem::path resource(const std::filesystem::path& name);

} // namespace intarsia
