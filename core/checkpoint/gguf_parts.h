// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A GGUF model in one file, or split by llama-gguf-split into several: model-00001-of-00003.gguf and so on.
#pragma once

#include <filesystem>
#include <vector>

#include "core/base/mapped_file.h"
#include "core/checkpoint/gguf.h"

namespace intarsia {

struct GgufParts {
  Gguf gguf; // metadata of the first part, tensors of all
  std::vector<MappedFile> files;
};

// Opens a GGUF with all its parts, given any of them. Throws Error naming the part that is missing, belongs
// to another model, or cannot be found because the files were renamed.
GgufParts open_gguf_parts(const std::filesystem::path& file);

} // namespace intarsia
