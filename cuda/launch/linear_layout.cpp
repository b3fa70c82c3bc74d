// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/launch/linear_layout.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "core/base/parallel.h"
#include "core/palette/bit_stream.h"

namespace intarsia::cuda {
namespace {

// Writes `count` bits of `bits` (their others are 0) from bit `first` on; what was there is 0.
void put_bits(std::byte* to, std::size_t first, std::uint32_t bits, unsigned count) {
  std::uint64_t shifted = std::uint64_t(bits) << first % 8;
  to += first / 8;
  for (unsigned left = unsigned(first % 8) + count;; left -= 8, ++to, shifted >>= 8) {
    *to |= std::byte(shifted & 0xFF);
    if (left <= 8) break;
  }
}

// Rows of codes, each of `vector` weights, to tiles.
void tile_rows(const QuantizedLinear& layer, unsigned vector, const TileRow& row, std::span<std::byte> out) {
  const unsigned quarters = unsigned(row.quarters), width = quarters * vector / 4;
  const std::size_t per_row = (layer.shape.columns + vector - 1) / vector;
  const std::size_t row_bytes = packed_row_bytes(per_row, width);
  std::vector<std::uint8_t> step_of(tile_weights); // of a place in the tile
  for (unsigned step = 0; step < tile_weights; ++step) {
    const TilePosition place = tile_position(step);
    step_of[place.row * tile_side + place.column] = std::uint8_t(step);
  }
  parallel_ranges(tiles_of(layer.shape.rows), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin * tile_side; r < std::min(end * tile_side, layer.shape.rows); ++r) {
      BitReader codes(std::span(layer.codes).subspan(r * row_bytes, row_bytes));
      std::byte* tiles = out.data() + r / tile_side * row.bytes;
      for (std::size_t i = 0; i < per_row; ++i) {
        const std::size_t column = i * vector;
        const unsigned step = step_of[r % tile_side * tile_side + column % tile_side];
        put_bits(tiles + column / tile_side * tile_bytes(quarters), step * quarters / 4, codes.get(width),
                 width);
      }
    }
  });
}

} // namespace

std::string_view kernel_path_name(KernelPath path) {
  return path == KernelPath::tensor_core ? "tensor-core" : "cuda-core";
}

bool supports(QuantizerId id, KernelPath path, int batch) {
  if (batch < 1 || batch > max_decode_rows) return false;
  if (path == KernelPath::tensor_core) return true;
  return id.family == QuantizerFamily::nuq || id.family == QuantizerFamily::vq;
}

std::vector<std::byte> device_codes(const QuantizedLinear& layer) {
  if (is_trellis(layer.quantizer)) return layer.codes;
  std::vector<std::byte> out(device_code_bytes(layer.quantizer, layer.shape));
  if (layer.quantizer.family == QuantizerFamily::f16) {
    const std::size_t from = 2 * layer.shape.columns, to = 2 * f16_stride(layer.shape.columns);
    for (std::size_t r = 0; r < layer.shape.rows; ++r)
      std::memcpy(out.data() + r * to, layer.codes.data() + r * from, from);
    return out;
  }
  tile_rows(layer, layer.quantizer.family == QuantizerFamily::vq ? 2 : 1,
            tile_row(layer.quantizer, layer.shape.columns), out);
  return out;
}

} // namespace intarsia::cuda
