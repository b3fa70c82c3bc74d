// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// 8-bit floats and integers times a scale per tensor, row, group or block: FP8 as DeepSeek, Qwen, FBGEMM and
// ModelOpt store it, compressed-tensors, bitsandbytes' LLM.int8(); and the small integers of
// compressed-tensors in words.
#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "core/checkpoint/quantized_parts.h"

namespace intarsia {
namespace {

// Scale of row r and column c: entry [r / block_rows, c / block_columns] of a matrix.
struct ScaleGrid {
  FloatView values;
  std::uint64_t block_rows = 1, block_columns = 1, across = 1; // across: its columns
  std::uint64_t index(std::uint64_t row, std::uint64_t column) const {
    return row / block_rows * across + column / block_columns;
  }
};

std::uint64_t pieces(std::uint64_t extent, std::uint64_t size) { return (extent + size - 1) / size; }

// What a scale's shape means for a weight of [rows, columns]; `block`: sides of a block where the config
// names them.
ScaleGrid grid_of(const WeightParts& parts, std::string_view suffix, const FileTensor& scale,
                  std::uint64_t rows, std::uint64_t columns, std::pair<std::uint64_t, std::uint64_t> block) {
  const FloatView values(scale, parts.prefix() + std::string(suffix));
  const auto& shape = scale.entry.shape;
  if (values.size() == 1) return {values, rows, columns, 1};
  if (values.size() == rows && (shape.size() == 1 || (shape.size() == 2 && shape[1] == 1)))
    return {values, 1, columns, 1};
  if (shape.size() == 2 && shape[0] == rows && columns % shape[1] == 0) // groups of a row
    return {values, 1, columns / shape[1], shape[1]};
  if (shape.size() == 2 && shape[0] == pieces(rows, block.first) && shape[1] == pieces(columns, block.second))
    return {values, block.first, block.second, shape[1]};
  parts.refuse(suffix,
               "has a shape that is neither one scale, one a row, one a group of a row, nor one a block of " +
                   std::to_string(block.first) + " x " + std::to_string(block.second));
}

class ScaledRows : public RowDecoder {
 public:
  ScaledRows(const FileTensor& codes, ScaleGrid scales, std::span<const std::byte> zeros, float factor)
      : dtype_(codes.entry.dtype)
      , codes_(codes.bytes)
      , rows_(codes.entry.shape[0])
      , columns_(codes.entry.shape[1])
      , scales_(scales)
      , zeros_(zeros)
      , factor_(factor) {}

  std::uint64_t rows() const override { return rows_; }
  std::uint64_t columns() const override { return columns_; }

  void read_rows(std::size_t first, std::size_t count, std::span<float> out) const override {
    for (std::size_t r = 0; r < count; ++r) {
      const std::size_t row = first + r;
      const auto values = out.subspan(r * columns_, columns_);
      decode(codes_.subspan(row * columns_, columns_), values);
      for (std::size_t c = 0; c < columns_; c += scales_.block_columns) {
        const std::uint64_t at = scales_.index(row, c);
        const float scale = scales_.values.at(at);
        const float zero = zeros_.empty() ? 0 : float(static_cast<std::int8_t>(zeros_[at]));
        const std::size_t end = std::min<std::size_t>(columns_, c + scales_.block_columns);
        for (std::size_t i = c; i < end; ++i) values[i] = (values[i] - zero) * scale * factor_;
      }
    }
  }

 private:
  void decode(std::span<const std::byte> codes, std::span<float> out) const {
    if (dtype_ != DType::i8) return dequantize(dtype_, codes, out);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = float(static_cast<std::int8_t>(codes[i]));
  }

  DType dtype_;
  std::span<const std::byte> codes_;
  std::uint64_t rows_, columns_;
  ScaleGrid scales_;
  std::span<const std::byte> zeros_; // int8, one a scale; empty: none
  float factor_;
};

// weight_packed: codes of a row one after the other in 32-bit words, offset by half of their range.
// weight_zero_point (of asymmetric ones) is packed in the same way, but down the rows.
class PackedRows : public RowDecoder {
 public:
  PackedRows(std::span<const std::byte> words, std::uint64_t rows, std::uint64_t columns, unsigned bits,
             ScaleGrid scales, std::span<const std::byte> zeros, std::vector<std::uint32_t> group_of)
      : words_(words)
      , rows_(rows)
      , columns_(columns)
      , bits_(bits)
      , scales_(scales)
      , zeros_(zeros)
      , group_of_(std::move(group_of)) {}

  std::uint64_t rows() const override { return rows_; }
  std::uint64_t columns() const override { return columns_; }

  void read_rows(std::size_t first, std::size_t count, std::span<float> out) const override {
    const unsigned in_word = 32 / bits_, mask = (1u << bits_) - 1;
    const std::uint64_t words = pieces(columns_, in_word);
    std::vector<float> scale(scales_.across), zero(scales_.across);
    for (std::size_t r = 0; r < count; ++r) {
      const std::size_t row = first + r;
      for (std::size_t g = 0; g < scale.size(); ++g) {
        scale[g] = scales_.values.at(row / scales_.block_rows * scales_.across + g);
        zero[g] = float(zero_point(row / scales_.block_rows, g));
      }
      for (std::size_t c = 0; c < columns_; ++c) {
        const unsigned code = word_at(words_, row * words + c / in_word) >> bits_ * (c % in_word) & mask;
        const std::size_t g = group_of_.empty() ? c / scales_.block_columns : group_of_[c];
        out[r * columns_ + c] = (float(int(code)) - zero[g]) * scale[g];
      }
    }
  }

 private:
  unsigned zero_point(std::size_t row, std::size_t group) const {
    const unsigned half = 1u << (bits_ - 1), mask = (1u << bits_) - 1, in_word = 32 / bits_;
    if (zeros_.empty()) return half;
    return word_at(zeros_, row / in_word * scales_.across + group) >> bits_ * (row % in_word) & mask;
  }

  std::span<const std::byte> words_;
  std::uint64_t rows_, columns_;
  unsigned bits_;
  ScaleGrid scales_;
  std::span<const std::byte> zeros_;
  std::vector<std::uint32_t> group_of_; // of every column; empty: neighbours in groups
};

// [rows, columns] of a block of FP8; DeepSeek's is 128 x 128.
std::pair<std::uint64_t, std::uint64_t> block_of(const Json& scheme) {
  std::pair<std::uint64_t, std::uint64_t> block{128, 128};
  if (!scheme.is_object() || !scheme.contains("weight_block_size") || scheme["weight_block_size"].is_null())
    return block;
  const Json& sides = scheme["weight_block_size"];
  if (!sides.is_array() || sides.size() != 2 || !sides[0].is_number_unsigned() ||
      !sides[1].is_number_unsigned() || sides[0] == 0 || sides[1] == 0)
    throw input_error(
        "config.json: quantization_config: field \"weight_block_size\" is no pair of numbers > 0");
  return {sides[0].get<std::uint64_t>(), sides[1].get<std::uint64_t>()};
}

std::vector<std::uint32_t> column_groups(WeightParts& parts, std::uint64_t columns, std::uint64_t groups) {
  const FileTensor* index = parts.find(".weight_g_idx");
  if (!index) return {};
  if (index->entry.dtype != DType::i32 || index->entry.shape != std::vector<std::uint64_t>{columns})
    parts.refuse(".weight_g_idx", "does not hold one I32 for each column");
  std::vector<std::uint32_t> group_of(columns);
  for (std::uint64_t c = 0; c < columns; ++c) {
    group_of[c] = word_at(index->bytes, c);
    if (group_of[c] >= groups) parts.refuse(".weight_g_idx", "names a group that has no scales");
  }
  return group_of;
}

} // namespace

DecodedWeight read_scaled(WeightParts parts, const Json& scheme) {
  const FileTensor& codes = parts.need(".weight");
  const DType dtype = codes.entry.dtype;
  if (codes.entry.shape.size() != 2 || codes.entry.shape[0] == 0 || codes.entry.shape[1] == 0)
    parts.refuse(".weight", "is no matrix, though it has a scale");
  std::string_view suffix = ".weight_scale_inv"; // DeepSeek's name; it multiplies all the same
  const FileTensor* scale = parts.find(suffix);
  for (const std::string_view other : {".weight_scale", ".SCB"})
    if (!scale && (scale = parts.find(other))) suffix = other;
  const float factor = suffix == ".SCB" ? 1.f / 127 : 1; // bitsandbytes stores the row's largest magnitude
  const ScaleGrid grid =
      grid_of(parts, suffix, *scale, codes.entry.shape[0], codes.entry.shape[1], block_of(scheme));
  std::span<const std::byte> zeros;
  if (const FileTensor* zero = dtype == DType::i8 ? parts.find(".weight_zero_point") : nullptr) {
    if (zero->entry.dtype != DType::i8 || zero->bytes.size() != grid.values.size())
      parts.refuse(".weight_zero_point", "does not hold one I8 for every scale");
    zeros = zero->bytes;
  }
  auto decoder = std::make_shared<ScaledRows>(codes, grid, zeros, factor);
  return parts.take(std::move(decoder), {".weight_zero_point", ".weight_shape", ".weight_format"});
}

DecodedWeight read_packed(WeightParts parts) {
  const FileTensor& packed = parts.matrix(".weight_packed", DType::i32);
  const FileTensor& shape = parts.need(".weight_shape");
  if ((shape.entry.dtype != DType::i64 && shape.entry.dtype != DType::i32) ||
      shape.entry.shape != std::vector<std::uint64_t>{2})
    parts.refuse(".weight_shape", "does not hold two integers");
  const std::size_t wide = block_bytes(shape.entry.dtype) / 4;
  const std::uint64_t rows = word_at(shape.bytes, 0), columns = word_at(shape.bytes, wide);
  if (rows != packed.entry.shape[0] || columns == 0)
    parts.refuse(".weight_shape", "says another number of rows than \"weight_packed\" has");
  unsigned bits = 0;
  for (const unsigned candidate : {4u, 8u})
    if (packed.entry.shape[1] == pieces(columns, 32 / candidate)) bits = candidate;
  if (bits == 0)
    throw Error(ErrorKind::unsupported,
                packed.origin + ": tensor \"" + parts.prefix() +
                    ".weight_packed\" has codes of a width that is not read here; 4 and 8 "
                    "bits are, open the original model instead");
  const FileTensor& scale = parts.need(".weight_scale");
  const ScaleGrid grid = grid_of(parts, ".weight_scale", scale, rows, columns, {128, 128});
  auto group_of = column_groups(parts, columns, grid.across);
  std::span<const std::byte> zeros;
  if (const FileTensor* zero = parts.find(".weight_zero_point")) {
    const std::uint64_t scale_rows = grid.values.size() / grid.across;
    if (zero->entry.dtype != DType::i32 ||
        zero->entry.shape != std::vector<std::uint64_t>{pieces(scale_rows, 32 / bits), grid.across})
      parts.refuse(".weight_zero_point", "does not hold a packed zero point for every scale");
    zeros = zero->bytes;
  }
  return parts.take(
      std::make_shared<PackedRows>(packed.bytes, rows, columns, bits, grid, zeros, std::move(group_of)));
}

} // namespace intarsia
