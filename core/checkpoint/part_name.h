// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// File names of models in several files: model-00002-of-00003.safetensors, or .gguf.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace intarsia {

struct PartName {
  std::string before, extension;       // "model", ".safetensors"
  std::uint64_t number = 0, count = 0; // counted from 1, as in the name
};

std::optional<PartName> part_name(const std::filesystem::path& file); // nullopt for other names
// Path of part `number` of the same model.
std::filesystem::path part_path(const std::filesystem::path& folder, const PartName& name,
                                std::uint64_t number);

} // namespace intarsia
