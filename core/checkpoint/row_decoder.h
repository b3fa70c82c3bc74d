// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A weight matrix that several tensors of a file encode together (codes, scales, zero points); rows are
// decoded when they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace intarsia {

class RowDecoder {
 public:
  virtual ~RowDecoder() = default;
  // Decodes rows [first, first + count), which must exist, to f32; out.size() = count * columns().
  virtual void read_rows(std::size_t first, std::size_t count, std::span<float> out) const = 0;
  virtual std::uint64_t rows() const = 0;
  virtual std::uint64_t columns() const = 0;
};

} // namespace intarsia
