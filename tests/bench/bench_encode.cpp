// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How fast the CPU quantizes, on one core: weights a second of every quantizer, next to a plain search
// measured in the same run (a scalar Viterbi over all states for trellises, all codes for NUQ and VQ) and,
// for trellises, to what the core's arithmetic allows.
//   bench_encode [ID …]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/palette/quantizer.h"
#include "core/palette/trellis.h"
#include "core/palette/trellis_code.h"
#include "core/tensor/kernels.h"
#include "tests/bench/simd_rate.h"

using namespace intarsia;

namespace {

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<float> gaussian(std::size_t size) {
  Random random(1);
  std::vector<float> values(size);
  for (float& value : values) value = random.normal();
  return values;
}

// The best of some runs that take half a second or more together.
double weights_per_second(const Quantizer& quantizer, const std::vector<float>& all) {
  double best = 0, spent = 0;
  std::size_t rows = 64;
  while (spent < 0.6) {
    const MatrixShape shape{rows, 256};
    std::vector<std::byte> codes(quantizer.code_bytes(shape));
    const double seconds =
        seconds_of([&] { quantizer.encode(std::span(all).first(shape.size()), shape, codes, {}); });
    spent += seconds;
    best = std::max(best, double(shape.size()) / seconds);
    if (seconds < 0.1 && 2 * rows * 256 <= all.size()) rows *= 2;
  }
  return best;
}

// Viterbi as one writes it first: costs in float, the state before each state stored. One pass of 64 steps.
double plain_viterbi_rate(unsigned quarters, const std::vector<float>& weights) {
  constexpr unsigned steps = 64;
  std::vector<float> values(trellis::states), cost(trellis::states), next(trellis::states);
  for (std::uint32_t s = 0; s < trellis::states; ++s)
    values[s] = float(trellis::state_value(s)) * trellis::scale(quarters);
  std::vector<std::uint8_t> from(std::size_t(steps) * trellis::states);
  const double seconds = seconds_of([&] {
    for (unsigned t = 0; t < steps; ++t) {
      const unsigned bits = trellis::new_bits(t, quarters);
      for (std::uint32_t s = 0; s < trellis::states; ++s) {
        float least = INFINITY;
        unsigned best = 0;
        for (unsigned old = 0; old < 1u << bits; ++old) {
          const float candidate = cost[(s << bits & (trellis::states - 1)) | old];
          if (candidate < least) least = candidate, best = old;
        }
        const float difference = values[s] - weights[t];
        next[s] = least + difference * difference;
        from[std::size_t(t) * trellis::states + s] = std::uint8_t(best);
      }
      cost.swap(next);
    }
  });
  constexpr double passes = 1.5; // as ours: the seam and the whole tile
  return cost[0] < 0 ? 0 : steps / seconds / passes;
}

double plain_search_rate(const Quantizer& quantizer, const std::vector<float>& weights) {
  const auto book = quantizer.codebook();
  const std::size_t length = quantizer.id().family == QuantizerFamily::vq ? 2 : 1;
  const std::size_t count = std::min<std::size_t>(weights.size(), (std::size_t(1) << 24) / book.size() * 2);
  std::size_t sink = 0;
  const double seconds = seconds_of([&] {
    for (std::size_t i = 0; i + length <= count; i += length) {
      float least = INFINITY;
      std::size_t best = 0;
      for (std::size_t c = 0; c < book.size(); c += length) {
        float distance = 0;
        for (std::size_t k = 0; k < length; ++k) {
          const float difference = weights[i + k] - book[c + k];
          distance += difference * difference;
        }
        if (distance < least) least = distance, best = c;
      }
      sink += best;
    }
  });
  return sink == 1 ? 0 : double(count) / seconds;
}

// Every state of every step of 1.5 passes costs a subtraction, a square, a sum and a minimum.
double trellis_limit(double simd_rate) { return simd_rate / (1.5 * 4 * trellis::states); }

} // namespace

int main(int argc, char** argv) {
  const ThreadLimit one(1);
  const auto weights = gaussian(1 << 20);
  const double rate = bench::measure_simd_rate();
  fmt::print("{}, {:.0f} G 16-bit lane operations/s a core\n", kernels::instruction_set(), rate / 1e9);
  fmt::print("{:<14} {:>14} {:>14} {:>8} {:>22}\n", "quantizer", "weights/s", "plain search", "ratio",
             "of the arithmetic limit");
  for (const Quantizer* member : palette()) {
    const std::string id = to_string(member->id());
    if (member->id().family == QuantizerFamily::f16) continue;
    if (argc > 1 && std::none_of(argv + 1, argv + argc, [&](const char* wanted) { return id == wanted; }))
      continue;
    const bool trellis = member->row_granularity() > 1;
    const double ours = weights_per_second(*member, weights);
    const double plain = trellis ? plain_viterbi_rate(unsigned(member->id().quarter_bits), weights)
                                 : plain_search_rate(*member, weights);
    fmt::print("{:<14} {:>14.0f} {:>14.0f} {:>7.1f}x", id, ours, plain, ours / plain);
    if (trellis) fmt::print(" {:>20.0f} %", 100 * ours / trellis_limit(rate));
    fmt::print("\n");
    std::fflush(stdout);
  }
  return 0;
}
