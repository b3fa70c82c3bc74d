// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <filesystem>
#include <string_view>

namespace intarsia {

// Writes `content` beside `path` under a temporary name, syncs it to disk and renames it over `path`: a
// reader, or a kill at any moment, sees the old file or the new one whole. Throws Error{resource} naming the
// file when the disk is full or the folder cannot be written; nothing is left behind then. A path
// that is not a regular file (/dev/stdout) is written straight.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// Removes the temporary files that kills have left of such writes in a folder that nobody writes to now.
void remove_unfinished_writes(const std::filesystem::path& folder);

} // namespace intarsia
