// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "tests/cuda/fake_cuda/device_codes.h"

#include <array>

#include "core/base/half.h"
#include "core/palette/tcq_layout.h"
#include "core/palette/trellis_code.h"

namespace intarsia::test {
namespace {

// `width` bits from bit `first` on of a circular stream.
std::uint32_t bits_of(const std::uint8_t* stream, std::size_t bytes, std::size_t first, unsigned width) {
  std::uint32_t bits = 0;
  for (unsigned i = 0; i < width; ++i) {
    const std::size_t bit = (first + i) % (8 * bytes);
    bits |= std::uint32_t(stream[bit / 8] >> (bit % 8) & 1) << i;
  }
  return bits;
}

// NUQ's and VQ's: of the weight at `step` of a tile.
float tile_weight(const cuda::DeviceLinear& linear, const std::uint8_t* tile, unsigned step) {
  const auto quarters = unsigned(linear.quantizer.quarter_bits);
  const std::size_t bytes = cuda::tile_bytes(quarters);
  if (linear.quantizer.family == QuantizerFamily::nuq)
    return linear.codebook[bits_of(tile, bytes, step * quarters / 4, quarters / 4)];
  const unsigned pair = step / 2 * 2;
  return linear.codebook[2 * bits_of(tile, bytes, pair * quarters / 4, quarters / 2) + step % 2];
}

unsigned step_at(unsigned row, unsigned column) {
  for (unsigned step = 0; step < cuda::tile_weights; ++step)
    if (cuda::tile_position(step).row == row && cuda::tile_position(step).column == column) return step;
  return 0;
}

float tiled_weight(const cuda::DeviceLinear& linear, std::size_t r, std::size_t c) {
  using cuda::tile_side;
  static const auto steps = [] {
    std::array<std::uint8_t, cuda::tile_weights> table{};
    for (unsigned i = 0; i < cuda::tile_weights; ++i)
      table[i] = std::uint8_t(step_at(i / tile_side, i % tile_side));
    return table;
  }();
  const cuda::TileRow row = cuda::tile_row(linear.quantizer, std::size_t(linear.d_in));
  const auto* tile = static_cast<const std::uint8_t*>(linear.codes) + r / tile_side * row.bytes +
                     c / tile_side * cuda::tile_bytes(unsigned(row.quarters));
  return tile_weight(linear, tile, steps[r % tile_side * tile_side + c % tile_side]);
}

// As core/palette/trellis.h says.
float trellis_weight(const cuda::DeviceLinear& linear, std::size_t r, std::size_t c) {
  const TcqLayout layout(linear.quantizer, {std::size_t(linear.d_out), std::size_t(linear.d_in)});
  const std::size_t column = c / trellis::block_columns;
  const unsigned quarters = layout.quarters(column);
  const auto* block =
      static_cast<const std::uint8_t*>(linear.codes) + layout.offset(r / trellis::panel_rows, column);
  const auto [ring, step] =
      trellis::ring_step(unsigned(r % trellis::panel_rows), unsigned(c % trellis::block_columns));
  std::vector<std::uint8_t> stream;
  for (unsigned byte = 0; byte < trellis::ring_bytes(quarters); ++byte)
    stream.push_back(block[trellis::ring_byte_index(ring, byte, quarters)]);
  const std::uint32_t state =
      bits_of(stream.data(), stream.size(), trellis::first_bit(step, quarters), trellis::state_bits);
  return float(trellis::state_value(state)) * trellis::scale(quarters);
}

} // namespace

std::vector<float> decode_device_rows(const cuda::DeviceLinear& linear, int first, int count) {
  const std::size_t d_in = std::size_t(linear.d_in);
  std::vector<float> out;
  for (std::size_t r = std::size_t(first); r < std::size_t(first + count); ++r)
    for (std::size_t c = 0; c < d_in; ++c) {
      if (linear.quantizer.family == QuantizerFamily::f16) {
        out.push_back(
            half_to_float(static_cast<const cuda::Half*>(linear.codes)[r * cuda::f16_stride(d_in) + c]));
        continue;
      }
      const float unit =
          cuda::is_trellis(linear.quantizer) ? trellis_weight(linear, r, c) : tiled_weight(linear, r, c);
      out.push_back(unit * half_to_float(linear.row_scales[r]));
    }
  return out;
}

} // namespace intarsia::test
