// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <filesystem>

namespace intarsia {

// The user's cache folder for Intarsia, by the XDG Base Directory Specification; empty when there is none. It
// may have to be made.
std::filesystem::path user_cache_folder();

} // namespace intarsia
