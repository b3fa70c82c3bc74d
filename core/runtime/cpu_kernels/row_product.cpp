// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/cpu_kernels/row_product.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <vector>

#include "core/base/half.h"
#include "core/runtime/cpu_kernels/cpu_features.h"
#include "core/runtime/cpu_kernels/row_vnni.h"
#include "core/runtime/cpu_kernels/trellis_dot.h"

namespace intarsia::cpu_kernels {

#if INTARSIA_HAVE_VNNI_CODE
namespace {

constexpr std::size_t most_rows = 64;
constexpr std::int32_t scalar_offset = 32'768, scalar_largest = 32'767;
// 12 bits: sums of 2 x 2047 x 127 a step of 32 columns fit 32 bits up to 132,000 columns.
constexpr std::int32_t pair_largest = 2047;

// A quantizer's codebook in integers of `unit`.
struct RowTable {
  float unit = 0;
  vnni::ScalarTable scalar{};
  std::vector<std::uint32_t> pairs;
  unsigned width = 0;
};

std::int32_t to_integer(float value, float unit) { return std::int32_t(std::lrint(value / unit)); }

RowTable make_table(QuantizerId id) {
  const auto book = quantizer(id).codebook();
  float largest = 0;
  for (const float value : book) largest = std::max(largest, std::fabs(value));
  RowTable table;
  if (id.family == QuantizerFamily::nuq) {
    table.unit = largest / float(scalar_largest);
    table.width = unsigned(std::bit_width(book.size()) - 1);
    table.scalar.width = table.width;
    for (std::size_t i = 0; i < 256; ++i) {
      const auto level = std::uint32_t(to_integer(book[i % book.size()], table.unit) + scalar_offset);
      table.scalar.low[i] = std::uint8_t(level & 255);
      table.scalar.high[i] = std::uint8_t(level >> 8);
    }
    return table;
  }
  table.unit = largest / float(pair_largest);
  table.width = unsigned(std::bit_width(book.size() / 2) - 1);
  table.pairs.resize(std::max<std::size_t>(book.size() / 2, 128));
  for (std::size_t i = 0; i < book.size() / 2; ++i)
    table.pairs[i] = std::uint32_t(to_integer(book[2 * i], table.unit) & 0xFFFF) |
                     std::uint32_t(to_integer(book[2 * i + 1], table.unit)) << 16;
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

} // namespace

bool multiplies_rows(QuantizerId id, std::size_t inputs) {
  return has_vnni() && inputs <= most_fused_inputs &&
         (id.family == QuantizerFamily::nuq || id.family == QuantizerFamily::vq);
}

void multiply_rows(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, const Output& out) {
  const RowTable& table = table_of(layer.quantizer);
  const bool scalar = layer.quantizer.family == QuantizerFamily::nuq;
  const std::size_t columns = layer.shape.columns, row_bytes = layer.codes.size() / layer.shape.rows;
  const vnni::PairTable pairs{table.width, table.pairs};
  for (std::size_t first = rows.first; first < rows.first + rows.count; first += most_rows) {
    const std::size_t count = std::min(most_rows, rows.first + rows.count - first);
    const std::byte* codes = layer.codes.data() + first * row_bytes;
    std::array<float, most_rows> values{};
    for (std::size_t i = 0; i < x.inputs; ++i) {
      std::int64_t sums[most_rows];
      const std::int8_t* from = x.values.data() + i * x.columns;
      if (scalar)
        vnni::scalar_rows(table.scalar, codes, row_bytes, count, columns, from, sums);
      else
        vnni::pair_rows(pairs, codes, row_bytes, count, columns, from, sums);
      const std::int64_t less = scalar ? std::int64_t(scalar_offset) * x.sum(i, 0, x.columns / 64) : 0;
      const bool first_term = i % out.terms == 0, last_term = (i + 1) % out.terms == 0;
      for (std::size_t row = 0; row < count; ++row) {
        values[row] = (first_term ? 0 : values[row]) + x.scales[i] * (table.unit * float(sums[row] - less));
        if (last_term)
          out.at(i / out.terms, first + row) = values[row] * half_to_float(layer.row_scales[first + row]);
      }
    }
  }
}

#else

bool multiplies_rows(QuantizerId, std::size_t) { return false; }
void multiply_rows(const QuantizedLinear&, Rows, const Int8Activation&, const Output&) {}

#endif

// Without these kernels a unit's rows are decoded to f32.
std::size_t row_scratch_bytes(std::size_t widest) { return 64 * widest * sizeof(float); }

} // namespace intarsia::cpu_kernels
