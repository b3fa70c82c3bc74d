// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// TCQ and Half-TCQ: panels of 64 rows, cut into blocks of 64 columns, each of 16 tail-biting trellises
// (trellis.h). Blocks lie panel after panel without gaps. Half-TCQ-b codes the left half of a panel's blocks
// at b - 1/4 bits and the rest at b + 1/4.
#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include "core/base/parallel.h"
#include "core/palette/members.h"
#include "core/palette/tcq_layout.h"
#include "core/palette/trellis.h"
#include "core/palette/trellis_code.h"
#include "core/palette/trellis_encoder.h"

namespace intarsia {
namespace {

using trellis::ring_weights;

struct TcqDistortion {
  unsigned quarters;
  double distortion;
};
// `intarsia palette --measure 1000000 --json`
constexpr TcqDistortion tcq_distortions[] = {
#include "core/palette/tcq_distortions.inc"
};

double tcq_distortion(unsigned quarters) {
  for (const TcqDistortion& known : tcq_distortions)
    if (known.quarters == quarters) return known.distortion;
  return 0;
}

const std::vector<std::int16_t>& encoder_values() {
  static const auto values = [] {
    std::vector<std::int16_t> table(trellis::states);
    for (std::uint32_t state = 0; state < trellis::states; ++state)
      table[state] = std::int16_t(trellis::encoder_value(state));
    return table;
  }();
  return values;
}

// Encoders are made at their first use: they hold tables of 0.5 MB.
const TrellisEncoder& encoder(unsigned quarters) {
  static std::array<std::once_flag, trellis::max_quarters + 1> made;
  static std::array<std::unique_ptr<const TrellisEncoder>, trellis::max_quarters + 1> encoders;
  std::call_once(made[quarters], [&] {
    encoders[quarters] =
        std::make_unique<const TrellisEncoder>(quarters, encoder_values(), trellis::encoder_factor(quarters));
  });
  return *encoders[quarters];
}

// A part of a matrix in memory: where it begins, floats from row to row, and how much of it there is.
template <class Float>
struct Part {
  Float* data;
  std::size_t stride, rows, columns;
  Part from(std::size_t row, std::size_t column) const {
    return {data + row * stride + column, stride, rows - row, columns - column};
  }
  bool has(trellis::TilePosition position) const { return position.row < rows && position.column < columns; }
  Float& at(trellis::TilePosition position) const { return data[position.row * stride + position.column]; }
};

// Each window brings its new bits, the uppermost, to the stream; window 0's are where it ends.
void pack_ring(std::span<const std::uint16_t, ring_weights> states, unsigned ring, unsigned quarters,
               std::byte* block) {
  const unsigned bits = quarters * ring_weights / 4;
  std::uint8_t stream[trellis::ring_bytes(trellis::max_quarters)] = {};
  for (unsigned t = 0; t < ring_weights; ++t) {
    const unsigned count = trellis::new_bits(t, quarters);
    const unsigned first = trellis::first_bit(t, quarters) + trellis::state_bits - count;
    for (unsigned i = 0; i < count; ++i) {
      const unsigned at = (first + i) % bits;
      const unsigned bit = states[t] >> (trellis::state_bits - count + i) & 1;
      stream[at / 8] = std::uint8_t(stream[at / 8] | bit << at % 8);
    }
  }
  for (unsigned i = 0; i < trellis::ring_bytes(quarters); ++i)
    block[trellis::ring_byte_index(ring, i, quarters)] = std::byte(stream[i]);
}

// Codes one ring of the block whose weights begin at `weights`; what lies beyond the matrix counts as 0. A
// ring that is wholly beyond it is all zero bits.
void encode_ring(const Part<const float>& weights, unsigned ring, unsigned quarters,
                 TrellisEncoder::Scratch& scratch, std::byte* block) {
  float ordered[ring_weights];
  bool any = false;
  for (unsigned t = 0; t < ring_weights; ++t) {
    const trellis::TilePosition position = trellis::tile_position(ring, t);
    const bool inside = weights.has(position);
    ordered[t] = inside ? weights.at(position) : 0;
    any |= inside;
  }
  if (!any) {
    for (unsigned i = 0; i < trellis::ring_bytes(quarters); ++i)
      block[trellis::ring_byte_index(ring, i, quarters)] = {};
    return;
  }
  std::uint16_t states[ring_weights];
  encoder(quarters).encode(ordered, scratch, states);
  pack_ring(states, ring, quarters, block);
}

// trellis::tile_position() of every weight of every ring.
constexpr auto positions = [] {
  std::array<std::array<trellis::TilePosition, ring_weights>, trellis::block_rings> all{};
  for (unsigned ring = 0; ring < trellis::block_rings; ++ring)
    for (unsigned t = 0; t < ring_weights; ++t) all[ring][t] = trellis::tile_position(ring, t);
  return all;
}();

// The ring's circular stream, ring_bytes() long and a few more, word by word of its lanes.
void read_ring(const std::byte* block, unsigned ring, unsigned quarters, std::byte* circular) {
  const unsigned begin = ring / trellis::part_rings * quarters; // of a lane's bytes
  for (unsigned i = 0; i < trellis::ring_lanes; ++i) {
    const unsigned lane = ring % trellis::part_rings * trellis::ring_lanes + i;
    std::byte words[trellis::max_quarters + 8];
    for (unsigned word = begin / 4; word < (begin + quarters + 3) / 4; ++word)
      std::memcpy(words + 4 * (word - begin / 4), block + 4 * trellis::word_index(word, lane, quarters), 4);
    std::memcpy(circular + i * quarters, words + begin % 4, quarters);
  }
  std::memcpy(circular + trellis::ring_bytes(quarters), circular, 8);
}

void decode_ring(const std::byte* block, unsigned ring, unsigned quarters, const Part<float>& out) {
  std::byte circular[trellis::ring_bytes(trellis::max_quarters) + 8];
  read_ring(block, ring, quarters, circular);
  const float scale = trellis::scale(quarters);
  for (unsigned t = 0; t < ring_weights; ++t) {
    const trellis::TilePosition position = positions[ring][t];
    if (!out.has(position)) continue;
    const unsigned first = trellis::first_bit(t, quarters);
    std::uint32_t window;
    std::memcpy(&window, circular + first / 8, 4);
    const std::uint32_t state = window >> first % 8 & trellis::state_mask;
    out.at(position) = float(trellis::state_value(state)) * scale;
  }
}

class Tcq : public Quantizer {
 public:
  explicit Tcq(QuantizerId id)
      : id_(id) {}

  QuantizerId id() const override { return id_; }
  double distortion() const override {
    const TcqLayout whole(id_, {1, 2});
    return (tcq_distortion(whole.left_quarters()) + tcq_distortion(whole.right_quarters())) / 2;
  }
  std::uint64_t code_bytes(MatrixShape shape) const override { return TcqLayout(id_, shape).bytes(); }
  std::size_t row_granularity() const override { return trellis::panel_rows; }
  std::size_t block_columns() const override { return trellis::ring_columns; }
  std::span<const float> codebook() const override { return {}; }

  void encode(std::span<const float> weights, MatrixShape shape, std::span<std::byte> codes,
              const JobControl& control) const override;
  std::unique_ptr<BlockCoder> code_rows(MatrixShape shape, std::size_t first_row, std::size_t row_count,
                                        std::span<std::byte> codes) const override;
  void decode(std::span<const std::byte> codes, MatrixShape shape, std::size_t first_row,
              std::size_t row_count, std::span<float> out) const override;
  void copy_strip(std::span<const std::byte> from, std::size_t from_strip, std::span<std::byte> to,
                  std::size_t to_strip, std::size_t columns) const override;

 private:
  class PanelCoder;
  QuantizerId id_;
};

void Tcq::encode(std::span<const float> weights, MatrixShape shape, std::span<std::byte> codes,
                 const JobControl& control) const {
  const TcqLayout layout(id_, shape);
  const std::size_t blocks = layout.panels() * layout.blocks();
  const Part<const float> matrix{weights.data(), shape.columns, shape.rows, shape.columns};
  std::mutex mutex;
  std::size_t done = 0;
  // A block's 16 rings take some ten milliseconds: Cancel is prompt, scratch is reused.
  parallel_ranges(blocks, 1, [&](std::size_t begin, std::size_t end) {
    TrellisEncoder::Scratch scratch(encoder(layout.left_quarters())); // the lower rate's is the larger
    for (std::size_t index = begin; index < end; ++index) {
      control.throw_if_stopped();
      const std::size_t panel = index / layout.blocks(), block = index % layout.blocks();
      const auto part = matrix.from(panel * trellis::panel_rows, block * trellis::block_columns);
      for (unsigned ring = 0; ring < trellis::block_rings; ++ring)
        encode_ring(part, ring, layout.quarters(block), scratch, codes.data() + layout.offset(panel, block));
    }
    const std::scoped_lock lock(mutex);
    done += end - begin;
    control.report(to_string(id_), double(done), double(blocks));
  });
}

// One or more panels, 16 columns at a time: four rings a panel.
class Tcq::PanelCoder : public BlockCoder {
 public:
  PanelCoder(const TcqLayout& layout, std::size_t first_panel, std::size_t rows, std::byte* codes)
      : layout_(layout)
      , first_panel_(first_panel)
      , rows_(rows)
      , codes_(codes)
      , scratch_(encoder(layout.left_quarters())) {}

  void code(std::span<const float> targets, std::size_t count, std::span<float> decoded) override {
    const std::size_t block = part_ / trellis::block_parts;
    const unsigned part = unsigned(part_ % trellis::block_parts), rate = layout_.quarters(block);
    // As seen from the block's corner, the part's columns begin further right.
    const std::size_t before = part * trellis::ring_columns;
    const Part<const float> from{targets.data() - before, count, rows_, count + before};
    const Part<float> to{decoded.data() - before, count, rows_, count + before};
    for (std::size_t row = 0; row < rows_; row += trellis::panel_rows) {
      std::byte* codes = codes_ + layout_.offset(first_panel_ + row / trellis::panel_rows, block);
      for (unsigned i = 0; i < trellis::part_rings; ++i) {
        const unsigned ring = part * trellis::part_rings + i;
        encode_ring(from.from(row, 0), ring, rate, scratch_, codes);
        decode_ring(codes, ring, rate, to.from(row, 0));
      }
    }
    ++part_;
  }

 private:
  TcqLayout layout_;
  std::size_t first_panel_, rows_, part_ = 0;
  std::byte* codes_;
  TrellisEncoder::Scratch scratch_;
};

std::unique_ptr<BlockCoder> Tcq::code_rows(MatrixShape shape, std::size_t first_row, std::size_t row_count,
                                           std::span<std::byte> codes) const {
  const TcqLayout layout(id_, shape);
  const std::size_t first = first_row / trellis::panel_rows, count = trellis::panels(row_count);
  std::ranges::fill(codes.subspan(layout.offset(first, 0), count * layout.panel_bytes()), std::byte{});
  return std::make_unique<PanelCoder>(layout, first, row_count, codes.data());
}

void Tcq::decode(std::span<const std::byte> codes, MatrixShape shape, std::size_t first_row,
                 std::size_t row_count, std::span<float> out) const {
  const TcqLayout layout(id_, shape);
  const Part<float> matrix{out.data(), shape.columns, row_count, shape.columns};
  for (std::size_t row = 0; row < row_count; row += trellis::panel_rows)
    for (std::size_t block = 0; block < layout.blocks(); ++block) {
      const std::byte* from = codes.data() + layout.offset((first_row + row) / trellis::panel_rows, block);
      const auto to = matrix.from(row, block * trellis::block_columns);
      for (unsigned ring = 0; ring < trellis::block_rings; ++ring)
        decode_ring(from, ring, layout.quarters(block), to);
    }
}

// A strip is a ring in each part of each block.
void Tcq::copy_strip(std::span<const std::byte> from, std::size_t from_strip, std::span<std::byte> to,
                     std::size_t to_strip, std::size_t columns) const {
  static_assert(panel_rows == trellis::panel_rows && panel_strips == trellis::part_rings);
  static_assert([] {
    for (unsigned ring = 0; ring < panel_strips; ++ring)
      for (unsigned t = 0; t < ring_weights; ++t) {
        bool found = false;
        for (std::size_t i = 0; i < strip_rows; ++i)
          found |= row_of_strip(ring, i) == trellis::tile_position(ring, t).row;
        if (!found) return false;
      }
    return true;
  }());
  const TcqLayout layout(id_, {panel_rows, columns});
  for (std::size_t block = 0; block < layout.blocks(); ++block) {
    const std::byte* source = from.data() + layout.offset(from_strip / panel_strips, block);
    std::byte* target = to.data() + layout.offset(to_strip / panel_strips, block);
    const unsigned quarters = layout.quarters(block);
    for (unsigned part = 0; part < trellis::block_parts; ++part)
      for (unsigned byte = 0; byte < trellis::ring_bytes(quarters); ++byte)
        target[trellis::ring_byte_index(part * panel_strips + unsigned(to_strip % panel_strips), byte,
                                        quarters)] =
            source[trellis::ring_byte_index(part * panel_strips + unsigned(from_strip % panel_strips), byte,
                                            quarters)];
  }
}

} // namespace

std::unique_ptr<Quantizer> make_tcq(int quarters) {
  return std::make_unique<Tcq>(QuantizerId{QuantizerFamily::tcq, quarters});
}

std::unique_ptr<Quantizer> make_half_tcq(int quarters) {
  return std::make_unique<Tcq>(QuantizerId{QuantizerFamily::half_tcq, quarters});
}

} // namespace intarsia
