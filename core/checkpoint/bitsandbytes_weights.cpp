// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// bitsandbytes in 4 bits (NF4, FP4): two codes a byte, the first in the upper half, of the matrix as one long
// row; a value of a 16-entry table times the block's largest magnitude, which may itself be a code of a
// 256-entry table.
#include <cstring>

#include "core/base/error.h"
#include "core/checkpoint/quantized_parts.h"

namespace intarsia {
namespace {

class FourBitRows : public RowDecoder {
 public:
  FourBitRows(std::span<const std::byte> codes, std::uint64_t rows, std::uint64_t columns,
              std::uint64_t block, std::vector<float> table, std::vector<float> magnitudes)
      : codes_(codes)
      , rows_(rows)
      , columns_(columns)
      , block_(block)
      , table_(std::move(table))
      , magnitudes_(std::move(magnitudes)) {}

  std::uint64_t rows() const override { return rows_; }
  std::uint64_t columns() const override { return columns_; }

  void read_rows(std::size_t first, std::size_t count, std::span<float> out) const override {
    for (std::uint64_t i = 0; i < count * columns_; ++i) {
      const std::uint64_t at = first * columns_ + i;
      const auto byte = std::to_integer<unsigned>(codes_[at / 2]);
      out[i] = table_[at % 2 == 0 ? byte >> 4 : byte & 15] * magnitudes_[at / block_];
    }
  }

 private:
  std::span<const std::byte> codes_;
  std::uint64_t rows_, columns_, block_;
  std::vector<float> table_, magnitudes_;
};

std::vector<float> floats_of(const WeightParts& parts, std::string_view suffix, const FileTensor& tensor,
                             std::uint64_t count) {
  const FloatView view(tensor, parts.prefix() + std::string(suffix));
  if (view.size() != count)
    parts.refuse(suffix, "has " + std::to_string(view.size()) + " values, not " + std::to_string(count));
  std::vector<float> values(count);
  for (std::uint64_t i = 0; i < count; ++i) values[i] = view.at(i);
  return values;
}

// Largest magnitudes in 8 bits: a table's value times that of the block's block, plus their mean.
std::vector<float> nested_magnitudes(WeightParts& parts, const FileTensor& codes, std::uint64_t count,
                                     const JsonObject& state) {
  const std::uint64_t block = state.count("nested_blocksize", 1, 1u << 20);
  if (codes.entry.dtype != DType::u8 || codes.bytes.size() != count)
    parts.refuse(".weight.absmax", "does not hold one byte a block");
  const auto table =
      floats_of(parts, ".weight.nested_quant_map", parts.need(".weight.nested_quant_map"), 256);
  const auto outer = floats_of(parts, ".weight.nested_absmax", parts.need(".weight.nested_absmax"),
                               (count + block - 1) / block);
  const auto mean = float(state.number("nested_offset"));
  std::vector<float> values(count);
  for (std::uint64_t i = 0; i < count; ++i)
    values[i] = table[std::to_integer<std::size_t>(codes.bytes[i])] * outer[i / block] + mean;
  return values;
}

} // namespace

DecodedWeight read_bitsandbytes_4(WeightParts parts) {
  const FileTensor* state_bytes = parts.find(".weight.quant_state.bitsandbytes__nf4");
  if (!state_bytes) state_bytes = &parts.need(".weight.quant_state.bitsandbytes__fp4");
  const std::string_view text(reinterpret_cast<const char*>(state_bytes->bytes.data()),
                              state_bytes->bytes.size());
  const std::string origin = state_bytes->origin + ": tensor \"" + parts.prefix() + ".weight.quant_state\"";
  const Json json = parse_json(text, origin);
  const JsonObject state(json, origin);
  const Json& shape = state["shape"];
  if (!shape.is_array() || shape.size() != 2 || !shape[0].is_number_unsigned() ||
      !shape[1].is_number_unsigned())
    throw input_error(origin + ": field \"shape\" is no pair of numbers");
  const auto rows = shape[0].get<std::uint64_t>(), columns = shape[1].get<std::uint64_t>();
  constexpr std::uint64_t most = 1u << 24;
  const std::uint64_t block = state.count("blocksize", 1, 1u << 20);
  const FileTensor& codes = parts.need(".weight");
  if (rows == 0 || columns == 0 || rows > most || columns > most || codes.entry.dtype != DType::u8 ||
      codes.bytes.size() != (rows * columns + 1) / 2)
    parts.refuse(".weight", "does not hold two codes a byte of the shape that its quant_state names");
  const std::uint64_t blocks = (rows * columns + block - 1) / block;
  const FileTensor& absmax = parts.need(".weight.absmax");
  auto table = floats_of(parts, ".weight.quant_map", parts.need(".weight.quant_map"), 16);
  auto magnitudes = state.has("nested_blocksize") ? nested_magnitudes(parts, absmax, blocks, state)
                                                  : floats_of(parts, ".weight.absmax", absmax, blocks);
  return parts.take(std::make_shared<FourBitRows>(codes.bytes, rows, columns, block, std::move(table),
                                                  std::move(magnitudes)));
}

} // namespace intarsia
