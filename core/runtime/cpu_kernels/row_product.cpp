// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/row_product.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <vector>

#include "core/base/half.h"
#include "core/runtime/cpu_kernels/cpu_features.h"
#include "core/runtime/cpu_kernels/row_gather.h"
#include "core/runtime/cpu_kernels/row_vnni.h"
#include "core/runtime/cpu_kernels/trellis_dot.h"

namespace intarsia::cpu_kernels {
namespace {

constexpr std::size_t max_rows = 64;
constexpr unsigned max_byte_width = 8; // of a code that a byte shuffle looks up
constexpr std::int32_t scalar_offset = 32'768, scalar_largest = 32'767;
// 12 bits: sums of 2 x 2047 x 127 a step of 32 columns fit 32 bits up to 132,000 columns.
constexpr std::int32_t pair_offset = 2048, pair_largest = 2047;

// A quantizer's codebook in integers of `unit`: the tables of its kernels.
struct RowTable {
  float unit = 0;
  unsigned width = 0, pair_width = 0;
  std::vector<std::uint32_t> pairs; // [1 << pair_width]; empty where that is too large
  vnni::ScalarTable scalars{};
  vnni::ShortPairTable short_pairs{};

  PairTable pair_table() const { return {pair_width, pairs}; }
};

std::int32_t to_integer(float value, float unit) { return std::int32_t(std::lrint(value / unit)); }

vnni::ScalarTable scalar_table(std::span<const float> book, unsigned width, float unit) {
  vnni::ScalarTable table{width, {}, {}};
  for (std::size_t i = 0; i < 256; ++i) {
    const auto value = std::uint32_t(to_integer(book[i % book.size()], unit) + scalar_offset);
    table.low[i] = std::uint8_t(value & 255);
    table.high[i] = std::uint8_t(value >> 8);
  }
  return table;
}

vnni::ShortPairTable short_pair_table(std::span<const float> book, unsigned width, float unit) {
  vnni::ShortPairTable table{width, {}, {}, {}};
  for (std::size_t i = 0; i < 256; ++i) {
    const std::size_t at = 2 * i % book.size();
    const auto first = std::uint32_t(to_integer(book[at], unit) + pair_offset);
    const auto second = std::uint32_t(to_integer(book[at + 1], unit) + pair_offset);
    table.first_low[i] = std::uint8_t(first & 255);
    table.second_low[i] = std::uint8_t(second & 255);
    table.high[i] = std::uint8_t(first >> 8 | second >> 8 << 4);
  }
  return table;
}

// Of NUQ by two codes, of VQ by its code.
std::vector<std::uint32_t> pair_table(std::span<const float> book, bool scalar, float unit) {
  std::vector<std::uint32_t> pairs;
  const auto half = [&](std::size_t at) { return std::uint32_t(to_integer(book[at], unit) & 0xFFFF); };
  if (!scalar)
    for (std::size_t i = 0; i < book.size(); i += 2) pairs.push_back(half(i) | half(i + 1) << 16);
  else
    for (std::size_t second = 0; second < book.size(); ++second)
      for (std::size_t first = 0; first < book.size(); ++first)
        pairs.push_back(half(first) | half(second) << 16);
  return pairs;
}

RowTable make_table(QuantizerId id) {
  const auto book = quantizer(id).codebook();
  const bool scalar = id.family == QuantizerFamily::nuq;
  float largest = 0;
  for (const float value : book) largest = std::max(largest, std::fabs(value));
  RowTable table;
  table.width = unsigned(std::bit_width(book.size() / (scalar ? 1 : 2)) - 1);
  table.pair_width = scalar ? 2 * table.width : table.width;
  table.unit = largest / float(scalar ? scalar_largest : pair_largest);
  if (table.pair_width <= max_pair_width) table.pairs = pair_table(book, scalar, table.unit);
  if (scalar)
    table.scalars = scalar_table(book, table.width, table.unit);
  else if (table.width <= max_byte_width)
    table.short_pairs = short_pair_table(book, table.width, table.unit);
  return table;
}

// Made at their first use.
const RowTable& table_of(QuantizerId id) {
  constexpr std::size_t most = 64;
  static std::array<std::once_flag, 2 * most> made;
  static std::array<RowTable, 2 * most> tables;
  const std::size_t at = std::size_t(id.quarter_bits) + (id.family == QuantizerFamily::vq ? most : 0);
  std::call_once(made[at], [&] { tables[at] = make_table(id); });
  return tables[at];
}

#if INTARSIA_HAVE_VNNI_CODE

void vnni_row_sums(const RowTable& table, const QuantizedLinear& layer, const std::byte* codes,
                   std::size_t row_bytes, std::size_t count, const Int8Activation& x, std::size_t input,
                   std::int64_t* sums) {
  const std::int8_t* values = x.values.data() + input * x.columns;
  const bool scalar = layer.quantizer.family == QuantizerFamily::nuq;
  if (!scalar && table.width > max_byte_width)
    return vnni::pair_rows(table.pair_table(), codes, row_bytes, count, layer.shape.columns, values, sums);
  if (scalar) {
    vnni::scalar_rows(table.scalars, codes, row_bytes, count, layer.shape.columns, values, sums);
  } else {
    thread_local std::vector<std::int8_t> even, odd;
    const std::size_t pairs = (x.columns + 127) / 128 * 64;
    even.resize(pairs);
    odd.resize(pairs);
    vnni::split_pairs(values, x.columns, even.data(), odd.data());
    vnni::short_pair_rows(table.short_pairs, codes, row_bytes, count, pairs, even.data(), odd.data(), sums);
  }
  const std::int64_t less =
      std::int64_t(scalar ? scalar_offset : pair_offset) * x.sum(input, 0, x.columns / 64);
  for (std::size_t row = 0; row < count; ++row) sums[row] -= less;
}

#endif

// Of the rows from `codes` on, for one input.
void row_sums(const RowTable& table, const QuantizedLinear& layer, const std::byte* codes,
              std::size_t row_bytes, std::size_t count, const Int8Activation& x, std::size_t input,
              std::int64_t* sums) {
#if INTARSIA_HAVE_VNNI_CODE
  if (has_vnni()) return vnni_row_sums(table, layer, codes, row_bytes, count, x, input, sums);
#endif
  gather_rows(table.pair_table(), codes, row_bytes, count, layer.shape.columns,
              x.values.data() + input * x.columns, sums);
}

} // namespace

bool multiplies_rows(QuantizerId id, std::size_t inputs) {
  constexpr unsigned most_bits = max_pair_width / 2; // of NUQ's codes, of which a pair has two
  if (inputs > max_fused_inputs) return false;
  return id.family == QuantizerFamily::vq ||
         (id.family == QuantizerFamily::nuq && (has_vnni() || unsigned(id.quarter_bits) <= 4 * most_bits));
}

void multiply_rows(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, const Output& out) {
  const RowTable& table = table_of(layer.quantizer);
  const std::size_t row_bytes = layer.codes.size() / layer.shape.rows;
  for (std::size_t first = rows.first; first < rows.first + rows.count; first += max_rows) {
    const std::size_t count = std::min(max_rows, rows.first + rows.count - first);
    std::array<float, max_rows> values{};
    for (std::size_t i = 0; i < x.inputs; ++i) {
      std::int64_t sums[max_rows];
      row_sums(table, layer, layer.codes.data() + first * row_bytes, row_bytes, count, x, i, sums);
      const bool first_term = i % out.terms == 0, last_term = (i + 1) % out.terms == 0;
      for (std::size_t row = 0; row < count; ++row) {
        values[row] = (first_term ? 0 : values[row]) + x.scales[i] * (table.unit * float(sums[row]));
        if (last_term)
          out.at(i / out.terms, first + row) = values[row] * half_to_float(layer.row_scales[first + row]);
      }
    }
  }
}

// Without these kernels a unit's rows are decoded to f32.
std::size_t row_scratch_bytes(std::size_t widest) { return 64 * widest * sizeof(float); }

} // namespace intarsia::cpu_kernels
