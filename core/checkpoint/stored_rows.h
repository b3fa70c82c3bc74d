// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A matrix of weights as it lies in a mapped file.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/tensor/dtype.h"

namespace intarsia {

struct StoredRows {
  DType dtype;
  std::span<const std::byte> bytes; // rows one after the other, storage_bytes(dtype, columns) each
  std::size_t permuted_heads = 0;   // rows interleaved per head as in llama.cpp's files; 0: as they are
  std::shared_ptr<const void> owner = nullptr; // keeps the file mapped

  // Where row `row` of `rows` lies in the file.
  std::size_t place(std::size_t row, std::size_t rows) const {
    if (permuted_heads == 0) return row;
    // The pair (i, i + half) of a head's rows are neighbours (2i, 2i + 1).
    const std::size_t head = rows / permuted_heads, half = head / 2, inside = row % head;
    return row - inside + 2 * (inside % half) + inside / half;
  }
};

} // namespace intarsia
