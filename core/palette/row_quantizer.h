// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What NUQ and VQ share: rows coded one by one as packed codes of fixed width.
#pragma once

#include <vector>

#include "core/palette/quantizer.h"

namespace intarsia {

class RowQuantizer : public Quantizer {
 public:
  QuantizerId id() const override { return id_; }
  double distortion() const override { return distortion_; }
  std::uint64_t code_bytes(MatrixShape shape) const override;
  std::size_t row_granularity() const override { return 1; }
  std::size_t block_columns() const override { return vector_length_; }
  std::span<const float> codebook() const override { return codebook_; }
  void encode(std::span<const float> weights, MatrixShape shape, std::span<std::byte> codes,
              const JobControl& control) const override;
  std::unique_ptr<BlockCoder> code_rows(MatrixShape shape, std::size_t first_row, std::size_t row_count,
                                        std::span<std::byte> codes) const override;
  void decode(std::span<const std::byte> codes, MatrixShape shape, std::size_t first_row,
              std::size_t row_count, std::span<float> out) const override;

 protected:
  // `vector_length` weights a code; `codebook` holds 2^width vectors.
  RowQuantizer(QuantizerId id, unsigned vector_length, std::vector<float> codebook, double distortion);
  // The code of the nearest vector to the `vector_length` weights at `weights`.
  virtual std::uint32_t nearest(const float* weights) const = 0;

  unsigned vector_length() const { return vector_length_; }

 private:
  class RowsCoder;
  void encode_row(const float* weights, std::size_t columns, std::span<std::byte> codes) const;
  void decode_row(std::span<const std::byte> codes, std::size_t columns, float* out) const;

  QuantizerId id_;
  unsigned vector_length_, width_; // width: bits of a code
  std::vector<float> codebook_;
  double distortion_;
};

} // namespace intarsia
