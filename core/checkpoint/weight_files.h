// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Selects the files of a Hugging Face folder that hold the model's weights.
#pragma once

#include <filesystem>
#include <vector>

namespace intarsia {

struct WeightFiles {
  std::vector<std::filesystem::path> files;  // sorted by name
  std::vector<std::filesystem::path> absent; // named by the index or the numbering, but missing; an error
                                             // only if a needed tensor is not found
};

// model.safetensors; else the files that model.safetensors.index.json names; else all for which
// is_weight_file() holds. Throws Error{input} when there are none, saying what the folder holds instead and
// what to do.
WeightFiles weight_files(const std::filesystem::path& folder);

// Whether a file can hold weights of the model: a .safetensors that is not an adapter, optimizer state or
// consolidated.safetensors, by its name.
bool is_weight_file(const std::filesystem::path& file);

// What a folder without usable weights holds and what to do, as the end of a sentence that begins with its
// path ("holds an ONNX model; …"); empty when nothing is recognised.
std::string other_content_of(const std::filesystem::path& folder);

} // namespace intarsia
