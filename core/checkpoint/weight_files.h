// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Which files of a Hugging Face folder hold the model's weights.
#pragma once

#include <filesystem>
#include <vector>

namespace intarsia {

struct WeightFiles {
  std::vector<std::filesystem::path> files; // in order of their names
  std::vector<std::filesystem::path>
      absent; // named by the index, but not there; the model may do without them
};

// model.safetensors; else those that model.safetensors.index.json names; else all that look like weights.
// Throws Error when there are none, with what the folder holds instead and what to do.
WeightFiles weight_files(const std::filesystem::path& folder);

// Whether a folder's file can hold weights of the model: a .safetensors that is no adapter, optimizer state,
// …
bool is_weight_file(const std::filesystem::path& file);

// What a folder without usable weights is, and what to do, for behind its name; empty when nothing is
// recognised.
std::string other_content_of(const std::filesystem::path& folder);

} // namespace intarsia
