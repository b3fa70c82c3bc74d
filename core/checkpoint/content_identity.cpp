// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/content_identity.h"

#include <fmt/format.h>

#include "core/base/crc32.h"

namespace intarsia {

std::string content_identity(const Checkpoint& checkpoint) {
  std::string text = to_json(checkpoint.config()).dump();
  std::vector<float> row;
  std::uint32_t sample = 0;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    text += tensor.name + std::to_string(tensor.bytes);
    if (!is_weight_type(tensor.dtype) || tensor.shape.empty() || tensor.elements() == 0) continue;
    row.resize(tensor.shape.back());
    checkpoint.read_rows(tensor.name, 0, 1, row);
    sample = crc32_of(std::as_bytes(std::span(row)), sample);
  }
  return fmt::format("{:08x}-{:08x}", crc32_of(std::as_bytes(std::span(text))), sample);
}

} // namespace intarsia
