// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where the blocks of a trellis-coded matrix lie and which rate each has (resources/help/code-layouts.md).
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/palette/quantizer.h"
#include "core/palette/trellis.h"

namespace intarsia {

// Of tcq-b: every block at b bits. Of half-tcq-b: the left half of a panel's blocks (rounded up) at b - 1/4
// bits, the others at b + 1/4.
class TcqLayout {
 public:
  TcqLayout(QuantizerId id, MatrixShape shape)
      : left_(unsigned(id.quarter_bits) - (id.family == QuantizerFamily::half_tcq ? 1 : 0))
      , right_(unsigned(id.quarter_bits) + (id.family == QuantizerFamily::half_tcq ? 1 : 0))
      , panels_(trellis::panels(shape.rows))
      , blocks_(trellis::blocks(shape.columns)) {}

  unsigned left_quarters() const { return left_; }
  unsigned right_quarters() const { return right_; }
  std::size_t panels() const { return panels_; }
  std::size_t blocks() const { return blocks_; } // of a panel
  std::size_t left_blocks() const { return left_ == right_ ? blocks_ : (blocks_ + 1) / 2; }
  unsigned quarters(std::size_t block) const { return block < left_blocks() ? left_ : right_; }
  std::size_t panel_bytes() const { return within_panel(blocks_); }
  std::size_t offset(std::size_t panel, std::size_t block) const { // of a block, in bytes
    return panel * panel_bytes() + within_panel(block);
  }
  std::size_t bytes() const { return panels_ * panel_bytes(); }

 private:
  std::size_t within_panel(std::size_t block) const {
    const std::size_t left = std::min(block, left_blocks());
    return left * trellis::block_bytes(left_) + (block - left) * trellis::block_bytes(right_);
  }

  unsigned left_, right_; // quarter bits
  std::size_t panels_, blocks_;
};

} // namespace intarsia
