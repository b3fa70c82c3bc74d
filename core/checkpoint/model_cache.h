// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where results that belong to a model are cached: beside it, or in the user's cache folder where the model's
// folder cannot be written to or is Intarsia's own.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/checkpoint.h"

namespace intarsia {

// Full paths for a file of that name, in the order of preference.
std::vector<std::filesystem::path> model_cache_places(const Checkpoint& checkpoint, const std::string& name);

// What came with the built-in model under that name: full path of a file that exists, to be read only.
std::optional<std::filesystem::path> shipped_with_model(const Checkpoint& checkpoint,
                                                        const std::string& name);

// Writes to the first place that can be written to and returns it; empty when there is none, which is no
// error.
std::filesystem::path keep_in_cache(const std::vector<std::filesystem::path>& places,
                                    std::string_view content);

} // namespace intarsia
