// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A quantizer codes rows of unit-variance Gaussian weights. The palette is the list of all this build has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/palette/quantizer_id.h"

namespace intarsia {

struct MatrixShape {
  std::size_t rows = 0;    // d_out
  std::size_t columns = 0; // d_in
  std::size_t size() const { return rows * columns; }
};

// Rows that can be coded apart from each other, whatever the quantizer: a panel of 64 rows has four strips of
// 16, those of a trellis (trellis::tile_position). Strips are counted over all of a matrix.
inline constexpr std::size_t panel_rows = 64, panel_strips = 4, strip_rows = 16;
constexpr std::size_t row_of_strip(std::size_t strip, std::size_t index) {
  return strip / panel_strips * panel_rows + strip % panel_strips * 2 + index % 2 + index / 2 % 2 * 8 +
         index / 4 * 16;
}

// Codes some rows of a matrix block by block, from the left: what follows may depend on what a block became.
class BlockCoder {
 public:
  virtual ~BlockCoder() = default;
  // The next `count` columns: targets and decoded are [rows, count]. count is the quantizer's block_columns()
  // but at the end of odd rows.
  virtual void code(std::span<const float> targets, std::size_t count, std::span<float> decoded) = 0;
};

// Stateless and thread-safe. Encoding and decoding are deterministic, whatever the number of threads and the
// instruction set.
class Quantizer {
 public:
  virtual ~Quantizer() = default;

  virtual QuantizerId id() const = 0;
  double bits() const { return id().bits(); }
  // Normalised mean squared error on a unit Gaussian, as measured by `intarsia palette --measure`.
  virtual double distortion() const = 0;

  // Exact bytes of the codes of a matrix, padding of odd shapes included.
  virtual std::uint64_t code_bytes(MatrixShape shape) const = 0;
  // How many rows are coded together: encode and decode work on row ranges that start at a multiple of it.
  virtual std::size_t row_granularity() const = 0;
  // How many neighbouring columns are coded together: what BlockCoder takes at once, 64 at most.
  virtual std::size_t block_columns() const = 0;
  // The values that codes stand for: 2^b for NUQ, 2^2b pairs for VQ; empty for TCQ and Half-TCQ, whose values
  // are computed (trellis_code.h), and for f16.
  virtual std::span<const float> codebook() const = 0;

  // Codes all of `weights` (row-major, shape.size() values, unit-variance rows) into `codes`
  // (code_bytes(shape)), on all cores. Values are finite.
  virtual void encode(std::span<const float> weights, MatrixShape shape, std::span<std::byte> codes,
                      const JobControl& control) const = 0;
  // Codes rows [first_row, first_row + row_count), row_count a multiple of row_granularity() but at the
  // matrix's end, in the order that the caller chooses its targets. `codes` is the whole matrix's and must
  // outlive the coder.
  virtual std::unique_ptr<BlockCoder> code_rows(MatrixShape shape, std::size_t first_row,
                                                std::size_t row_count, std::span<std::byte> codes) const = 0;
  // Decodes rows [first_row, first_row + row_count) into out (row_count * columns), on the calling thread.
  virtual void decode(std::span<const std::byte> codes, MatrixShape shape, std::size_t first_row,
                      std::size_t row_count, std::span<float> out) const = 0;
  // Copies the codes of a strip to a strip of another matrix of as many columns. Both matrices have whole
  // panels. Here for quantizers whose codes lie row after row.
  virtual void copy_strip(std::span<const std::byte> from, std::size_t from_strip, std::span<std::byte> to,
                          std::size_t to_strip, std::size_t columns) const;
};

// Every quantizer this build has, by family and then bits; f16 last.
const std::vector<const Quantizer*>& palette();
std::set<QuantizerFamily> default_families(); // that a plan may use where nobody chose: the palette's but f16
// Throws Error{usage} naming the id and the palette's own when this build has no such quantizer.
const Quantizer& quantizer(QuantizerId id);

// The Gaussian distortion-rate bound 2^-2b and the gap to it in decibels.
double distortion_bound(double bits);
double gap_db(double distortion, double bits);

// Mean squared error over mean square of `samples` fresh unit Gaussian weights (rounded up to whole groups
// of row_granularity() rows).
double measure_distortion(const Quantizer& quantizer, std::size_t samples, std::uint64_t seed,
                          const JobControl& control);

} // namespace intarsia
