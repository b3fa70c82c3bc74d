// SPDX-License-Identifier: GPL-3.0-or-later
// TCQ and Half-TCQ: 16 x 16 tiles, each one tail-biting trellis (trellis.h). Tiles lie row-major; odd shapes
// are filled up with zeros. Half-TCQ-b codes the left half of a row's tiles at b - 1/4 bits and the rest at
// b + 1/4.
#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include "core/base/parallel.h"
#include "core/palette/members.h"
#include "core/palette/trellis.h"
#include "core/palette/trellis_code.h"
#include "core/palette/trellis_encoder.h"

namespace intarsia {
namespace {

using trellis::tile_side;
using trellis::tile_weights;

constexpr unsigned window_mask = trellis::states - 1;

struct TcqDistortion {
  unsigned quarters;
  double distortion;
};
// `intarsia palette --measure 4000000 --json`
constexpr TcqDistortion tcq_distortions[] = {
#include "core/palette/tcq_distortions.inc"
};

double tcq_distortion(unsigned quarters) {
  for (const TcqDistortion& known : tcq_distortions)
    if (known.quarters == quarters) return known.distortion;
  return 0;
}

const std::vector<std::int16_t>& state_values() {
  static const auto values = [] {
    std::vector<std::int16_t> table(trellis::states);
    for (std::uint32_t state = 0; state < trellis::states; ++state)
      table[state] = std::int16_t(trellis::state_value(state));
    return table;
  }();
  return values;
}

// What the upper 11 bits of a hash (sign, piece, place) decode to.
const std::array<float, 2048>& curve_table() {
  static const auto table = [] {
    std::array<float, 2048> values{};
    for (std::uint32_t i = 0; i < values.size(); ++i)
      values[i] = float(trellis::curve_value(i << 5)) * trellis::unit;
    return values;
  }();
  return table;
}

// Encoders are made at their first use: they hold tables of 0.5 MB.
const TrellisEncoder& encoder(unsigned quarters) {
  static std::array<std::once_flag, trellis::most_quarters + 1> made;
  static std::array<std::unique_ptr<const TrellisEncoder>, trellis::most_quarters + 1> encoders;
  std::call_once(made[quarters], [&] {
    encoders[quarters] = std::make_unique<const TrellisEncoder>(quarters, state_values());
  });
  return *encoders[quarters];
}

// Each window brings its new bits, the uppermost, to the stream; window 0's are where it ends.
void pack_tile(std::span<const std::uint16_t, tile_weights> states, unsigned quarters, std::byte* tile) {
  const unsigned bits = quarters * tile_weights / 4;
  std::memset(tile, 0, trellis::tile_bytes(quarters));
  for (unsigned t = 0; t < tile_weights; ++t) {
    const unsigned count = trellis::new_bits(t, quarters);
    const unsigned first = trellis::first_bit(t, quarters) + trellis::state_bits - count;
    for (unsigned i = 0; i < count; ++i) {
      const unsigned at = (first + i) % bits;
      const unsigned bit = states[t] >> (trellis::state_bits - count + i) & 1;
      tile[at / 8] |= std::byte(bit << at % 8);
    }
  }
}

// Decodes the tile's upper `rows` rows and left `columns` columns into out (rows `stride` apart).
void decode_tile(const std::byte* tile, unsigned quarters, std::size_t rows, std::size_t columns, float* out,
                 std::size_t stride) {
  const std::size_t bytes = trellis::tile_bytes(quarters);
  std::byte circular[160 + 8]; // the stream and, for the last windows, its beginning
  std::memcpy(circular, tile, bytes);
  std::memcpy(circular + bytes, tile, 8);
  const auto& table = curve_table();
  float values[tile_weights];
  for (unsigned lane = 0; lane < tile_weights / 8; ++lane) {
    const unsigned first = trellis::first_bit(8 * lane, quarters);
    std::uint64_t window; // of eight weights: at most 6 + 35 + 16 bits
    std::memcpy(&window, circular + first / 8, 8);
    window >>= first % 8;
    for (unsigned i = 0; i < 8; ++i) {
      const auto state = std::uint32_t(window >> trellis::first_bit(i, quarters)) & window_mask;
      const trellis::Place place = trellis::place(8 * lane + i);
      values[place.row * tile_side + place.column] = table[trellis::hash(state) >> 5];
    }
  }
  for (std::size_t row = 0; row < rows; ++row)
    std::memcpy(out + row * stride, values + row * tile_side, columns * sizeof(float));
}

// Codes the upper `rows` rows and left `columns` columns of a tile from `weights`, rows `stride` apart; the
// rest of the tile is zeros.
void encode_tile(const float* weights, std::size_t stride, std::size_t rows, std::size_t columns,
                 unsigned quarters, TrellisEncoder::Scratch& scratch, std::byte* tile) {
  float ordered[tile_weights];
  for (unsigned t = 0; t < tile_weights; ++t) {
    const trellis::Place place = trellis::place(t);
    ordered[t] = place.row < rows && place.column < columns ? weights[place.row * stride + place.column] : 0;
  }
  std::uint16_t states[tile_weights];
  encoder(quarters).encode(ordered, scratch, states);
  pack_tile(states, quarters, tile);
}

class Tcq : public Quantizer {
 public:
  // The left half of a row's tiles (rounded up) has `left` quarter bits a weight, the others `right`.
  Tcq(QuantizerId id, unsigned left, unsigned right)
      : id_(id)
      , left_(left)
      , right_(right) {}

  QuantizerId id() const override { return id_; }
  double distortion() const override { return (tcq_distortion(left_) + tcq_distortion(right_)) / 2; }
  std::uint64_t code_bytes(MatrixShape shape) const override {
    return tiles_high(shape) * tile_row_bytes(shape);
  }
  std::size_t row_granularity() const override { return tile_side; }
  std::size_t block_columns() const override { return tile_side; }
  std::span<const float> codebook() const override { return curve_table(); }
  void encode(std::span<const float> weights, MatrixShape shape, std::span<std::byte> codes,
              const JobControl& control) const override;
  std::unique_ptr<BlockCoder> code_rows(MatrixShape shape, std::size_t first_row, std::size_t row_count,
                                        std::span<std::byte> codes) const override;
  void decode(std::span<const std::byte> codes, MatrixShape shape, std::size_t first_row,
              std::size_t row_count, std::span<float> out) const override;

 private:
  class TileRowCoder;

  static std::size_t tiles_high(MatrixShape shape) { return (shape.rows + tile_side - 1) / tile_side; }
  static std::size_t tiles_wide(MatrixShape shape) { return (shape.columns + tile_side - 1) / tile_side; }
  static std::size_t left_tiles(MatrixShape shape) { return (tiles_wide(shape) + 1) / 2; }
  unsigned quarters(MatrixShape shape, std::size_t tile_column) const {
    return tile_column < left_tiles(shape) ? left_ : right_;
  }
  std::size_t tile_offset(MatrixShape shape, std::size_t tile_column) const {
    const std::size_t left = std::min(tile_column, left_tiles(shape));
    return left * trellis::tile_bytes(left_) + (tile_column - left) * trellis::tile_bytes(right_);
  }
  std::uint64_t tile_row_bytes(MatrixShape shape) const { return tile_offset(shape, tiles_wide(shape)); }

  QuantizerId id_;
  unsigned left_, right_;
};

void Tcq::encode(std::span<const float> weights, MatrixShape shape, std::span<std::byte> codes,
                 const JobControl& control) const {
  const std::size_t wide = tiles_wide(shape), tiles = tiles_high(shape) * wide;
  const std::size_t row_bytes = tile_row_bytes(shape);
  constexpr std::size_t tiles_per_task = 16; // some ten milliseconds: Cancel is prompt, scratch is reused
  std::mutex mutex;
  std::size_t done = 0;
  parallel_ranges(tiles, tiles_per_task, [&](std::size_t begin, std::size_t end) {
    TrellisEncoder::Scratch scratch(encoder(left_)); // the lower rate's is the larger
    for (std::size_t tile = begin; tile < end; ++tile) {
      control.throw_if_stopped();
      const std::size_t row = tile / wide, column = tile % wide;
      const std::size_t first_row = row * tile_side, first_column = column * tile_side;
      encode_tile(weights.data() + first_row * shape.columns + first_column, shape.columns,
                  shape.rows - first_row, shape.columns - first_column, quarters(shape, column), scratch,
                  codes.data() + row * row_bytes + tile_offset(shape, column));
    }
    const std::scoped_lock lock(mutex);
    done += end - begin;
    control.report(to_string(id_), double(done) * tile_weights, double(tiles) * tile_weights);
  });
}

// One or more rows of tiles, tile column by tile column.
class Tcq::TileRowCoder : public BlockCoder {
 public:
  TileRowCoder(const Tcq& quantizer, MatrixShape shape, std::size_t rows, std::byte* codes)
      : quantizer_(quantizer)
      , shape_(shape)
      , rows_(rows)
      , codes_(codes)
      , scratch_(encoder(quantizer.left_)) {}

  void code(std::span<const float> targets, std::size_t count, std::span<float> decoded) override {
    const unsigned rate = quantizer_.quarters(shape_, column_);
    for (std::size_t row = 0; row < rows_; row += tile_side) {
      std::byte* tile = codes_ + row / tile_side * quantizer_.tile_row_bytes(shape_) +
                        quantizer_.tile_offset(shape_, column_);
      const std::size_t rows = std::min<std::size_t>(tile_side, rows_ - row);
      encode_tile(targets.data() + row * count, count, rows, count, rate, scratch_, tile);
      decode_tile(tile, rate, rows, count, decoded.data() + row * count, count);
    }
    ++column_;
  }

 private:
  const Tcq& quantizer_;
  MatrixShape shape_;
  std::size_t rows_, column_ = 0; // weights; tiles
  std::byte* codes_;
  TrellisEncoder::Scratch scratch_;
};

std::unique_ptr<BlockCoder> Tcq::code_rows(MatrixShape shape, std::size_t first_row, std::size_t row_count,
                                           std::span<std::byte> codes) const {
  return std::make_unique<TileRowCoder>(*this, shape, row_count,
                                        codes.data() + first_row / tile_side * tile_row_bytes(shape));
}

void Tcq::decode(std::span<const std::byte> codes, MatrixShape shape, std::size_t first_row,
                 std::size_t row_count, std::span<float> out) const {
  const std::size_t row_bytes = tile_row_bytes(shape);
  for (std::size_t row = 0; row < row_count; row += tile_side) {
    const std::byte* tile = codes.data() + (first_row + row) / tile_side * row_bytes;
    for (std::size_t column = 0; column < shape.columns; column += tile_side) {
      const unsigned rate = quarters(shape, column / tile_side);
      decode_tile(tile, rate, std::min<std::size_t>(tile_side, row_count - row),
                  std::min<std::size_t>(tile_side, shape.columns - column),
                  out.data() + row * shape.columns + column, shape.columns);
      tile += trellis::tile_bytes(rate);
    }
  }
}

} // namespace

std::unique_ptr<Quantizer> make_tcq(int quarters) {
  return std::make_unique<Tcq>(QuantizerId{QuantizerFamily::tcq, quarters}, unsigned(quarters),
                               unsigned(quarters));
}

std::unique_ptr<Quantizer> make_half_tcq(int quarters) {
  return std::make_unique<Tcq>(QuantizerId{QuantizerFamily::half_tcq, quarters}, unsigned(quarters - 1),
                               unsigned(quarters + 1));
}

} // namespace intarsia
