// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A weight matrix in a mapped file, in the file's type.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/tensor/dtype.h"

namespace intarsia {

struct StoredRows {
  DType dtype;
  std::span<const std::byte> bytes; // rows one after the other, storage_bytes(dtype, columns) each
  // Number of heads whose rows are interleaved, as llama.cpp stores q and k of models with half-split rotary
  // embeddings: rows i and i + head_dim / 2 of a head are stored next to each other. 0: not interleaved.
  std::size_t permuted_heads = 0;
  std::shared_ptr<const void> owner = nullptr; // keeps the file mapped

  // Index in the file of row `row` of the matrix, which has `rows` rows.
  std::size_t stored_index(std::size_t row, std::size_t rows) const {
    if (permuted_heads == 0) return row;
    const std::size_t head = rows / permuted_heads, half = head / 2, inside = row % head;
    return row - inside + 2 * (inside % half) + inside / half;
  }
};

} // namespace intarsia
