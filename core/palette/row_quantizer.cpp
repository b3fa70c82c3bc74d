// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/row_quantizer.h"

#include <algorithm>
#include <bit>
#include <mutex>

#include "core/base/parallel.h"
#include "core/palette/bit_stream.h"

namespace intarsia {
namespace {

constexpr std::size_t weights_per_task = 1 << 15;

} // namespace

RowQuantizer::RowQuantizer(QuantizerId id, unsigned vector_length, std::vector<float> codebook,
                           double distortion)
    : id_(id)
    , vector_length_(vector_length)
    , width_(unsigned(std::bit_width(codebook.size() / vector_length) - 1))
    , codebook_(std::move(codebook))
    , distortion_(distortion) {}

std::uint64_t RowQuantizer::code_bytes(MatrixShape shape) const {
  const std::size_t codes = (shape.columns + vector_length_ - 1) / vector_length_;
  return std::uint64_t(shape.rows) * packed_row_bytes(codes, width_);
}

void RowQuantizer::encode_row(const float* weights, std::size_t columns, std::span<std::byte> codes) const {
  BitWriter writer(codes);
  std::size_t column = 0;
  for (; column + vector_length_ <= columns; column += vector_length_)
    writer.put(nearest(weights + column), width_);
  if (column < columns) { // an odd row is filled up with zeros, which decode() drops again
    float last[2] = {};
    std::copy(weights + column, weights + columns, last);
    writer.put(nearest(last), width_);
  }
  writer.finish();
}

void RowQuantizer::decode_row(std::span<const std::byte> codes, std::size_t columns, float* out) const {
  BitReader reader(codes);
  const float* book = codebook_.data();
  if (vector_length_ == 1) {
    for (std::size_t column = 0; column < columns; ++column) out[column] = book[reader.get(width_)];
    return;
  }
  std::size_t column = 0;
  for (; column + 2 <= columns; column += 2) {
    const float* pair = book + 2 * std::size_t(reader.get(width_));
    out[column] = pair[0];
    out[column + 1] = pair[1];
  }
  if (column < columns) out[column] = book[2 * std::size_t(reader.get(width_))];
}

void RowQuantizer::encode(std::span<const float> weights, MatrixShape shape, std::span<std::byte> codes,
                          const JobControl& control) const {
  if (shape.size() == 0) return;
  const std::size_t row_bytes = code_bytes({1, shape.columns});
  std::mutex mutex;
  std::size_t done = 0;
  parallel_ranges(shape.rows, std::max<std::size_t>(1, weights_per_task / shape.columns),
                  [&](std::size_t begin, std::size_t end) {
                    control.throw_if_stopped();
                    for (std::size_t row = begin; row < end; ++row)
                      encode_row(weights.data() + row * shape.columns, shape.columns,
                                 codes.subspan(row * row_bytes, row_bytes));
                    const std::scoped_lock lock(mutex);
                    done += end - begin;
                    control.report(to_string(id_), double(done * shape.columns), double(shape.size()));
                  });
}

// Keeps the row streams open from block to block.
class RowQuantizer::RowsCoder : public BlockCoder {
 public:
  RowsCoder(const RowQuantizer& quantizer, std::size_t columns, std::size_t rows, std::span<std::byte> codes)
      : quantizer_(quantizer)
      , left_(columns) {
    const std::size_t row_bytes = codes.size() / rows;
    for (std::size_t row = 0; row < rows; ++row)
      writers_.emplace_back(codes.subspan(row * row_bytes, row_bytes));
  }

  void code(std::span<const float> targets, std::size_t count, std::span<float> decoded) override {
    const std::size_t length = quantizer_.vector_length_;
    left_ -= count;
    for (std::size_t row = 0; row < writers_.size(); ++row) {
      float vector[2] = {};
      std::copy_n(targets.data() + row * count, count, vector);
      const std::uint32_t code = quantizer_.nearest(vector);
      writers_[row].put(code, quantizer_.width_);
      std::copy_n(quantizer_.codebook_.data() + code * length, count, decoded.data() + row * count);
      if (left_ == 0) writers_[row].finish();
    }
  }

 private:
  const RowQuantizer& quantizer_;
  std::size_t left_; // columns
  std::vector<BitWriter> writers_;
};

std::unique_ptr<BlockCoder> RowQuantizer::code_rows(MatrixShape shape, std::size_t first_row,
                                                    std::size_t row_count, std::span<std::byte> codes) const {
  const std::size_t row_bytes = code_bytes({1, shape.columns});
  return std::make_unique<RowsCoder>(*this, shape.columns, row_count,
                                     codes.subspan(first_row * row_bytes, row_count * row_bytes));
}

void RowQuantizer::decode(std::span<const std::byte> codes, MatrixShape shape, std::size_t first_row,
                          std::size_t row_count, std::span<float> out) const {
  const std::size_t row_bytes = code_bytes({1, shape.columns});
  for (std::size_t row = 0; row < row_count; ++row)
    decode_row(codes.subspan((first_row + row) * row_bytes, row_bytes), shape.columns,
               out.data() + row * shape.columns);
}

} // namespace intarsia
