// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Files in which results that belong to a model are cached: beside the model, or in the user's cache folder
// where the model's folder is not writable or is that of the built-in model.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/checkpoint.h"

namespace intarsia {

// Paths for a cache file called `name`, in order of preference; some may not be writable.
std::vector<std::filesystem::path> model_cache_places(const Checkpoint& checkpoint, const std::string& name);

// Path of a file called `name` that is installed with the built-in model, which must not be written; nullopt
// for other models and where there is none.
std::optional<std::filesystem::path> shipped_with_model(const Checkpoint& checkpoint,
                                                        const std::string& name);

// Writes the first of `places` that can be written and returns its path; empty when none can, which is not an
// error.
std::filesystem::path keep_in_cache(const std::vector<std::filesystem::path>& places,
                                    std::string_view content);

} // namespace intarsia
