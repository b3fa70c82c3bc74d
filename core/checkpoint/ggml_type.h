// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Tensor types of GGUF by their number (ggml.h, enum ggml_type).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/tensor/dtype.h"

namespace intarsia {

struct GgmlType {
  std::string_view name; // as llama.cpp writes it: "Q4_K"
  // nullopt: cannot be decoded here; 4, 5, 31 to 33 and 36 to 38 were removed from ggml.
  std::optional<DType> dtype;
};
std::optional<GgmlType> ggml_type(std::uint32_t number); // nullopt: no such type

} // namespace intarsia
