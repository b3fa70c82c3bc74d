// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Types of a GGUF's tensors by number (ggml.h, enum ggml_type).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/tensor/dtype.h"

namespace intarsia {

struct GgmlType {
  std::string_view name;
  std::optional<DType>
      dtype; // nullopt: cannot be decoded here; 4, 5, 31 to 33 and 36 to 38 are no longer in use
};
std::optional<GgmlType> ggml_type(std::uint32_t number); // nullopt: no such type

} // namespace intarsia
