// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The safetensors format (github.com/huggingface/safetensors): 8 bytes header length, a JSON header, and the
// tensors' data without gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/tensor/dtype.h"

namespace intarsia {

struct SafetensorsEntry {
  std::string name;
  DType dtype;
  std::vector<std::uint64_t> shape; // row-major, outermost first
  std::uint64_t begin = 0, end = 0; // bytes from the start of the file
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;       // in the order of their data
  std::map<std::string, std::string> metadata; // "__metadata__"
};

// `file`: the whole file; `origin`: its name for errors. Checks header length, JSON, types, shapes, offsets,
// overlaps and gaps. Throws Error{input|unsupported} naming the tensor.
SafetensorsHeader parse_safetensors(std::span<const std::byte> file, const std::string& origin);

std::string
safetensors_dtype_name(DType dtype); // as the header spells it ("F16", "BOOL"); weight and integer types

} // namespace intarsia
