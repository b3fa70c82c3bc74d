// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/cuda/fake_cuda/device_codes.h"

#include <array>

#include "core/base/half.h"
#include "core/palette/trellis.h"
#include "core/palette/trellis_code.h"

namespace intarsia::test {
namespace {

using namespace trellis;

// `width` bits from bit `first` on of a circular stream.
std::uint32_t bits_of(const std::uint8_t* stream, std::size_t bytes, std::size_t first, unsigned width) {
  std::uint32_t bits = 0;
  for (unsigned i = 0; i < width; ++i) {
    const std::size_t bit = (first + i) % (8 * bytes);
    bits |= std::uint32_t(stream[bit / 8] >> (bit % 8) & 1) << i;
  }
  return bits;
}

float weight_of(const cuda::DeviceLinear& linear, const std::uint8_t* tile, unsigned quarters,
                unsigned step) {
  const std::size_t bytes = tile_bytes(quarters);
  switch (linear.quantizer.family) {
  case QuantizerFamily::nuq:
    return linear.codebook[bits_of(tile, bytes, step * quarters / 4, quarters / 4)];
  case QuantizerFamily::vq: {
    const unsigned pair = step / 2 * 2;
    return linear.codebook[2 * bits_of(tile, bytes, pair * quarters / 4, quarters / 2) + step % 2];
  }
  default:
    return float(state_value(bits_of(tile, bytes, first_bit(step, quarters), state_bits))) * unit;
  }
}

unsigned step_at(unsigned row, unsigned column) {
  for (unsigned step = 0; step < tile_weights; ++step)
    if (place(step).row == row && place(step).column == column) return step;
  return 0;
}

float coded_weight(const cuda::DeviceLinear& linear, const cuda::TileRow& row, std::size_t r, std::size_t c) {
  static const auto steps = [] {
    std::array<std::uint8_t, tile_weights> table{};
    for (unsigned i = 0; i < tile_weights; ++i)
      table[i] = std::uint8_t(step_at(i / tile_side, i % tile_side));
    return table;
  }();
  const auto* codes = static_cast<const std::uint8_t*>(linear.codes) + r / tile_side * row.bytes;
  const std::size_t column = c / tile_side, left = std::size_t(row.runs[0].tiles);
  const cuda::TileRun& run = row.runs[column < left ? 0 : 1];
  const std::size_t number = column < left ? column : column - left;
  const std::uint8_t* tile = codes + run.begin + number * tile_bytes(unsigned(run.quarters));
  return weight_of(linear, tile, unsigned(run.quarters), steps[r % tile_side * tile_side + c % tile_side]) *
         half_to_float(linear.row_scales[r]);
}

} // namespace

std::vector<float> decode_device_rows(const cuda::DeviceLinear& linear, int first, int count) {
  const std::size_t d_in = std::size_t(linear.d_in);
  std::vector<float> out;
  const bool is_f16 = linear.quantizer.family == QuantizerFamily::f16;
  const cuda::TileRow row = is_f16 ? cuda::TileRow{} : cuda::tile_row(linear.quantizer, d_in);
  for (std::size_t r = std::size_t(first); r < std::size_t(first + count); ++r)
    for (std::size_t c = 0; c < d_in; ++c)
      out.push_back(
          is_f16 ? half_to_float(static_cast<const cuda::Half*>(linear.codes)[r * cuda::f16_stride(d_in) + c])
                 : coded_weight(linear, row, r, c));
  return out;
}

} // namespace intarsia::test
