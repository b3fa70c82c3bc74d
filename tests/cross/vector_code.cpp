// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the engine's vector code computes on a few shapes, as one line of text each: run here and, compiled
// for another processor, under an emulator; the texts must be equal (compare.cmake). Needs nothing but core.
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/base/random.h"
#include "core/palette/rotation_kernel.h"
#include "core/palette/trellis_code.h"
#include "core/palette/trellis_encoder.h"
#include "core/runtime/cpu_kernels/quantize_activation.h"
#include "core/runtime/cpu_kernels/row_gather.h"
#include "core/runtime/cpu_kernels/trellis_dot.h"

using namespace intarsia;

namespace {

// FNV-1a, 64 bits.
unsigned long long hash_of(const void* data, std::size_t bytes) {
  const auto* at = static_cast<const unsigned char*>(data);
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i < bytes; ++i) hash = (hash ^ at[i]) * 0x100000001b3u;
  return hash;
}
template <class T>
void print(const char* what, unsigned which, const std::vector<T>& values) {
  std::printf("%s %u: %016llx\n", what, which, hash_of(values.data(), values.size() * sizeof(T)));
}

void encode(unsigned quarters) {
  std::vector<std::int16_t> values(trellis::states);
  for (std::uint32_t state = 0; state < trellis::states; ++state)
    values[state] = std::int16_t(trellis::encoder_value(state));
  const TrellisEncoder encoder(quarters, values, trellis::encoder_factor(quarters));
  TrellisEncoder::Scratch scratch(encoder);
  Random random(quarters);
  std::vector<float> weights(trellis::ring_weights);
  for (float& weight : weights) weight = random.normal();
  std::vector<std::uint16_t> states(trellis::ring_weights);
  encoder.encode(TrellisEncoder::Weights(weights), scratch, TrellisEncoder::States(states));
  print("states at quarter bits", quarters, states);
}

void multiply(unsigned quarters) {
  constexpr std::size_t blocks = 3, columns = (blocks + 1) * trellis::block_columns;
  Random random(quarters);
  std::vector<std::byte> codes(blocks * trellis::block_bytes(quarters));
  for (std::byte& byte : codes) byte = std::byte(random.below(256));
  std::vector<std::int8_t> x(columns), expanded(columns * cpu_kernels::activation_copies());
  for (std::int8_t& value : x) value = std::int8_t(int(random.below(255)) - 127);
  cpu_kernels::expand_activations(x.data(), columns, expanded.data());
  const std::int8_t* inputs[] = {expanded.data(), expanded.data()};
  std::vector<std::int32_t> sums(2 * trellis::panel_rows);
  cpu_kernels::trellis_dot({codes.data(), quarters, blocks, trellis::block_columns}, inputs, 2,
                           reinterpret_cast<std::int32_t(*)[trellis::panel_rows]>(sums.data()));
  print("products at quarter bits", quarters, sums);
}

void gather(unsigned width) {
  constexpr std::size_t rows = 6, columns = 200, padded = 256;
  Random random(width);
  std::vector<std::uint32_t> pairs(std::size_t(1) << width);
  for (std::uint32_t& pair : pairs) pair = std::uint32_t(random.below(1ull << 32));
  const std::size_t row_bytes = (columns / 2 * width + 7) / 8;
  std::vector<std::byte> codes(rows * row_bytes);
  for (std::byte& byte : codes) byte = std::byte(random.below(256));
  std::vector<std::int8_t> x(padded);
  for (std::size_t i = 0; i < columns; ++i) x[i] = std::int8_t(int(random.below(255)) - 127);
  std::vector<std::int64_t> sums(rows);
  cpu_kernels::gather_rows({width, pairs}, codes.data(), row_bytes, rows, columns, x.data(), sums.data());
  print("gathered by bits", width, sums);
}

void rotate_and_quantize(unsigned width) {
  Random random(width);
  std::vector<float> x(width);
  for (float& value : x) value = random.normal();
  fast_hadamard(x);
  print("rotated", width, x);
  std::vector<std::int8_t> values((width + 63) / 64 * 64);
  std::vector<std::int32_t> sums(values.size() / 64 + 1);
  cpu_kernels::quantize_activation(x, cpu_kernels::largest_magnitude(x) / 127, values.data(), sums.data());
  print("activations", width, values);
  print("sums of activations", width, sums);
}

} // namespace

int main() {
  for (const unsigned quarters : {6u, 8u, 13u, 20u}) encode(quarters);
  for (unsigned quarters = trellis::min_quarters; quarters <= trellis::max_quarters; ++quarters)
    multiply(quarters);
  for (const unsigned width : {3u, 4u, 9u, 12u}) gather(width);
  for (const unsigned width : {16u, 64u, 512u}) rotate_and_quantize(width);
  return 0;
}
