// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What quantizing a linear needs beside the trellis search (encode_trellis.cuh): finding weights that are no
// numbers, the rows' scales, the codes of NUQ and VQ, decoding, and sums of errors. To be compiled without
// contraction of products and sums, as core is: then codes are the same.
#pragma once

#include <cmath>

#include "core/palette/row_fit.h"
#include "core/palette/trellis_code.h"
#include "cuda/kernels/elementwise.cuh"
#include "cuda/kernels/encode_trellis.cuh"

namespace intarsia::kernels {

// first: 0, becomes the complement of the first index whose value is not finite.
INTARSIA_KERNEL void find_non_finite(const float* values, std::size_t count, unsigned* first) {
  for (std::size_t i = first_element(); i < count; i += element_step())
    if ((simt::float_bits(values[i]) & 0x7F800000u) == 0x7F800000u) simt::atomic_max(first, ~unsigned(i));
}

// --- scales and fits, a block a row

constexpr std::size_t row_sums_shared_bytes() { return sizeof(double) * reduce_scratch; }

// Divides each row by its root mean square as it is stored in binary16.
INTARSIA_KERNEL void normalise_rows(float* rows, int columns, std::uint16_t* scales) {
  auto* scratch = simt::shared_memory<double>();
  float* row = rows + simt::block_index().x * std::size_t(columns);
  const int thread = int(simt::thread_index().x), threads = int(simt::block_dim().x);
  double sum = 0;
  for (int i = thread; i < columns; i += threads) sum += double(row[i]) * double(row[i]);
  const auto rms = float(sqrt(block_reduce(sum, Sum(), scratch) / double(columns)));
  const float bounded = fminf(fmaxf(rms, min_normal_half), max_half);
  const std::uint16_t stored = rms == 0 ? std::uint16_t(0) : simt::float_to_half(bounded);
  const float scale = simt::half_to_float(stored);
  for (int i = thread; i < columns; i += threads) row[i] = stored == 0 ? 0 : row[i] / scale;
  if (thread == 0) scales[simt::block_index().x] = stored;
}

// Sums over each row of weights and what their codes decode to.
INTARSIA_KERNEL void fit_rows(const float* unit, const float* decoded, int columns, RowFit* fits) {
  auto* scratch = simt::shared_memory<double>();
  const std::size_t first = simt::block_index().x * std::size_t(columns);
  RowFit fit;
  for (int i = int(simt::thread_index().x); i < columns; i += int(simt::block_dim().x)) {
    const double w = double(unit[first + std::size_t(i)]), q = double(decoded[first + std::size_t(i)]);
    fit.ww += w * w;
    fit.wq += w * q;
    fit.qq += q * q;
  }
  fit.ww = block_reduce(fit.ww, Sum(), scratch);
  fit.wq = block_reduce(fit.wq, Sum(), scratch);
  fit.qq = block_reduce(fit.qq, Sum(), scratch);
  if (simt::thread_index().x == 0) fits[simt::block_index().x] = fit;
}

// --- codebooks of NUQ and VQ

// A codebook and what finding the nearest entry takes, copied to shared memory by load(); all threads of the
// block call it.
INTARSIA_DEVICE const float* to_shared(const float* from, int count, float* to) {
  for (int i = int(simt::thread_index().x); i < count; i += int(simt::block_dim().x)) to[i] = from[i];
  return to;
}

// NUQ: ascending levels, and the thresholds between them.
struct LevelBook {
  static constexpr int length = 1; // weights a code
  const float *book, *thresholds;
  int width; // bits of a code

  constexpr std::size_t shared_bytes() const { return sizeof(float) * (std::size_t(2) << width); }
  INTARSIA_DEVICE void load(float* memory) {
    book = to_shared(book, 1 << width, memory);
    thresholds = to_shared(thresholds, (1 << width) - 1, memory + (1 << width));
    simt::block_barrier();
  }
  // How many thresholds lie below each weight.
  template <int count>
  INTARSIA_DEVICE void find(const float (&weights)[count], unsigned (&codes)[count]) const {
    INTARSIA_UNROLL
    for (int i = 0; i < count; ++i) {
      codes[i] = 0;
      for (unsigned half = 1u << (width - 1); half > 0; half /= 2)
        if (thresholds[codes[i] + half - 1] < weights[i]) codes[i] += half;
    }
  }
};

// VQ: pairs. Of equally near ones the first is taken.
struct PairBook {
  static constexpr int length = 2;
  const float* book;
  int width;

  constexpr std::size_t shared_bytes() const { return sizeof(float) * (std::size_t(2) << width); }
  INTARSIA_DEVICE void load(float* memory) {
    book = to_shared(book, 2 << width, memory);
    simt::block_barrier();
  }
  template <int values, int count>
  INTARSIA_DEVICE void find(const float (&weights)[values], unsigned (&codes)[count]) const {
    float least[count];
    INTARSIA_UNROLL
    for (int i = 0; i < count; ++i) least[i] = simt::float_from_bits(0x7F800000u), codes[i] = 0;
    for (unsigned code = 0; code < 1u << width; ++code) {
      const simt::float2 pair = reinterpret_cast<const simt::float2*>(book)[code];
      INTARSIA_UNROLL
      for (int i = 0; i < count; ++i) {
        const float x = weights[2 * i] - pair.x, y = weights[2 * i + 1] - pair.y;
        const float distance = x * x + y * y;
        codes[i] = distance < least[i] ? code : codes[i];
        least[i] = distance < least[i] ? distance : least[i];
      }
    }
  }
};

// Codes one behind the other, as core/palette/bit_stream.h lays them; the first begins at a byte.
class CodePacker {
 public:
  INTARSIA_DEVICE explicit CodePacker(std::uint8_t* to)
      : to_(to) {}
  INTARSIA_DEVICE void put(unsigned code, int width) { // width <= 16
    pending_ |= code << filled_;
    filled_ += width;
    for (; filled_ >= 8; filled_ -= 8, pending_ >>= 8) *to_++ = std::uint8_t(pending_);
  }
  INTARSIA_DEVICE void finish() {
    if (filled_ > 0) *to_ = std::uint8_t(pending_);
  }

 private:
  std::uint8_t* to_;
  unsigned pending_ = 0;
  int filled_ = 0;
};

// Eight codes take whole bytes, whatever their width.
inline constexpr int codes_a_thread = 8;

struct CodedRows {
  const float* weights; // dense
  int rows, columns;
  std::uint8_t* codes;
  std::size_t row_bytes;
  float* decoded;

  constexpr int chunks(int length) const {
    return (columns + codes_a_thread * length - 1) / (codes_a_thread * length);
  }
};

// A thread codes eight neighbouring codes; an odd row ends with a zero.
template <typename Book>
INTARSIA_KERNEL void encode_rows(Book book, CodedRows to) {
  constexpr int values = codes_a_thread * Book::length;
  book.load(simt::shared_memory<float>());
  const auto chunks = std::size_t(to.chunks(Book::length));
  for (std::size_t chunk = first_element(); chunk < std::size_t(to.rows) * chunks; chunk += element_step()) {
    const std::size_t row = chunk / chunks, number = chunk % chunks, first = number * values;
    const int count =
        int(std::size_t(to.columns) - first < values ? std::size_t(to.columns) - first : values);
    const std::size_t at = row * std::size_t(to.columns) + first;
    float weights[values];
    unsigned codes[codes_a_thread];
    INTARSIA_UNROLL
    for (int i = 0; i < values; ++i) weights[i] = i < count ? to.weights[at + std::size_t(i)] : 0;
    book.find(weights, codes);
    CodePacker packer(to.codes + row * to.row_bytes + number * std::size_t(book.width));
    INTARSIA_UNROLL
    for (int i = 0; i < values; ++i) {
      if (i >= count) continue;
      const unsigned code = codes[i / Book::length];
      if (i % Book::length == 0) packer.put(code, book.width);
      to.decoded[at + std::size_t(i)] = book.book[code * unsigned(Book::length) + unsigned(i % Book::length)];
    }
    packer.finish();
  }
}

// --- trellis

// The state that a ring's weight `step` is decoded from.
INTARSIA_DEVICE std::uint32_t trellis_window(const TrellisRing& ring, unsigned step, unsigned quarters) {
  const auto bytes = unsigned(trellis::ring_bytes(quarters)), bit = trellis::first_bit(step, quarters);
  std::uint32_t window = 0;
  INTARSIA_UNROLL
  for (unsigned i = 0; i < 3; ++i) {
    const unsigned byte = (bit / 8 + i) % bytes;
    window |= std::uint32_t(ring.block[trellis::ring_byte_index(ring.number, byte, quarters)]) << (8 * i);
  }
  return window >> (bit % 8) & trellis::state_mask;
}

// The weights of the rings, rows `stride` apart.
INTARSIA_KERNEL void decode_trellis(TrellisRings rings, float* decoded, std::size_t stride) {
  const std::size_t count = std::size_t(rings.rings()) * trellis::ring_weights;
  for (std::size_t i = first_element(); i < count; i += element_step()) {
    const TrellisRing ring(rings, int(i / trellis::ring_weights));
    const unsigned step = unsigned(i % trellis::ring_weights);
    const trellis::TilePosition position = trellis::tile_position(ring.number, step);
    const int row = ring.row + int(position.row), column = ring.column + int(position.column);
    if (row >= rings.rows || column >= rings.columns) continue;
    decoded[std::size_t(row) * stride + std::size_t(column)] =
        float(trellis::state_value(trellis_window(ring, step, rings.quarters))) * rings.unit;
  }
}

} // namespace intarsia::kernels
