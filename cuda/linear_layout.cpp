// SPDX-License-Identifier: GPL-3.0-or-later
#include "cuda/linear_layout.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "core/base/parallel.h"
#include "core/palette/bit_stream.h"
#include "core/palette/trellis.h"

namespace intarsia::cuda {
namespace {

using trellis::tile_side;

std::size_t tiles_of(std::size_t length) { return (length + tile_side - 1) / tile_side; }

bool is_trellis(QuantizerId id) {
  return id.family == QuantizerFamily::tcq || id.family == QuantizerFamily::half_tcq;
}

// Tiles are in order; only the runs are moved apart.
void pad_runs(const QuantizedLinear& layer, const TileRow& row, std::span<std::byte> out) {
  const std::byte* from = layer.codes.data();
  for (std::size_t i = 0; i < tiles_of(layer.shape.rows); ++i)
    for (const TileRun& run : row.runs) {
      const std::size_t bytes = std::size_t(run.tiles) * trellis::tile_bytes(unsigned(run.quarters));
      if (bytes > 0) std::memcpy(out.data() + i * row.bytes + run.begin, from, bytes);
      from += bytes;
    }
}

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
  const unsigned quarters = unsigned(row.runs[0].quarters), width = quarters * vector / 4;
  const std::size_t per_row = (layer.shape.columns + vector - 1) / vector;
  const std::size_t row_bytes = packed_row_bytes(per_row, width);
  std::vector<std::uint8_t> step_of(trellis::tile_weights); // of a place in the tile
  for (unsigned step = 0; step < trellis::tile_weights; ++step) {
    const trellis::Place place = trellis::place(step);
    step_of[place.row * tile_side + place.column] = std::uint8_t(step);
  }
  parallel_ranges(tiles_of(layer.shape.rows), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin * tile_side; r < std::min(end * tile_side, layer.shape.rows); ++r) {
      BitReader codes(std::span(layer.codes).subspan(r * row_bytes, row_bytes));
      std::byte* tiles = out.data() + r / tile_side * row.bytes;
      for (std::size_t i = 0; i < per_row; ++i) {
        const std::size_t column = i * vector;
        const unsigned step = step_of[r % tile_side * tile_side + column % tile_side];
        put_bits(tiles + column / tile_side * trellis::tile_bytes(quarters), step * quarters / 4,
                 codes.get(width), width);
      }
    }
  });
}

} // namespace

std::string_view kernel_path_name(KernelPath path) {
  return path == KernelPath::tensor_core ? "tensor-core" : "cuda-core";
}

bool supports(QuantizerId id, KernelPath path, int batch) {
  if (batch < 1 || batch > most_decode_rows) return false;
  if (path == KernelPath::tensor_core) return true;
  return id.family == QuantizerFamily::nuq || id.family == QuantizerFamily::vq;
}

TileRow tile_row(QuantizerId id, std::size_t d_in) {
  const int tiles = int(tiles_of(d_in)), quarters = id.quarter_bits;
  const bool halves = id.family == QuantizerFamily::half_tcq;
  const int left = halves ? (tiles + 1) / 2 : tiles;
  const auto bytes = [](int rate, int count) { return unsigned(8 * rate * count + 15) / 16 * 16; };
  const TileRun first{halves ? quarters - 1 : quarters, left, 0,
                      bytes(halves ? quarters - 1 : quarters, left)};
  const int rest = tiles - left, rate = halves ? quarters + 1 : quarters;
  const TileRun second{rate, rest, first.bytes, bytes(rate, rest)};
  return {{first, second}, first.bytes + second.bytes};
}

std::uint64_t device_code_bytes(QuantizerId id, MatrixShape shape) {
  if (id.family == QuantizerFamily::f16) return std::uint64_t(shape.rows) * f16_stride(shape.columns) * 2;
  return std::uint64_t(tiles_of(shape.rows)) * tile_row(id, shape.columns).bytes;
}

std::vector<std::byte> device_codes(const QuantizedLinear& layer) {
  std::vector<std::byte> out(device_code_bytes(layer.quantizer, layer.shape));
  if (layer.quantizer.family == QuantizerFamily::f16) {
    const std::size_t from = 2 * layer.shape.columns, to = 2 * f16_stride(layer.shape.columns);
    for (std::size_t r = 0; r < layer.shape.rows; ++r)
      std::memcpy(out.data() + r * to, layer.codes.data() + r * from, from);
    return out;
  }
  const TileRow row = tile_row(layer.quantizer, layer.shape.columns);
  if (is_trellis(layer.quantizer))
    pad_runs(layer, row, out);
  else
    tile_rows(layer, layer.quantizer.family == QuantizerFamily::vq ? 2 : 1, row, out);
  return out;
}

} // namespace intarsia::cuda
