// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Finds the trellis code of core/palette/trellis_code.h. Deterministic: the same on every machine.
//   train_trellis_code scales [TILES]            prints core/palette/trellis_scales.inc: for each rate the
//   scale
//                                                with the least distortion on TILES (default 400) rings of
//                                                unit Gaussian weights
//   train_trellis_code multipliers COUNT [TILES] the chosen multiplier and COUNT random odd ones: decibels
//   above
//                                                the bound at 2, 3, 4 and 5 bits, the best ten
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/palette/quantizer.h"
#include "core/palette/trellis.h"
#include "core/palette/trellis_code.h"
#include "core/palette/trellis_encoder.h"

using namespace intarsia;

namespace {

// Of every state, in trellis::encoder_steps.
std::vector<std::int16_t> values_of(std::uint32_t multiplier) {
  std::vector<std::int16_t> values(trellis::states);
  for (std::uint32_t state = 0; state < trellis::states; ++state) {
    const std::uint32_t bytes = state * multiplier;
    const int sum = int((bytes & 255) + (bytes >> 8 & 255) + (bytes >> 16 & 255) + (bytes >> 24));
    values[state] = std::int16_t((sum - trellis::offset) * trellis::encoder_steps);
  }
  return values;
}

// Standard deviation of the plain sum.
double spread(std::span<const std::int16_t> values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum / double(values.size())) / trellis::encoder_steps;
}

double distortion(std::span<const std::int16_t> values, double scale, unsigned quarters, std::size_t tiles) {
  const double unit = scale / trellis::encoder_steps;
  const TrellisEncoder encoder(quarters, values, float(1 / unit));
  std::vector<double> errors(tiles), energies(tiles);
  parallel_ranges(tiles, 8, [&](std::size_t begin, std::size_t end) {
    TrellisEncoder::Scratch scratch(encoder);
    for (std::size_t tile = begin; tile < end; ++tile) {
      Random random(tile + 1);
      float weights[trellis::ring_weights];
      for (float& weight : weights) weight = random.normal();
      std::uint16_t states[trellis::ring_weights];
      encoder.encode(weights, scratch, states);
      for (unsigned t = 0; t < trellis::ring_weights; ++t) {
        errors[tile] += std::pow(double(values[states[t]]) * unit - double(weights[t]), 2);
        energies[tile] += std::pow(double(weights[t]), 2);
      }
    }
  });
  double error = 0, energy = 0;
  for (std::size_t tile = 0; tile < tiles; ++tile) error += errors[tile], energy += energies[tile];
  return error / energy;
}

struct Best {
  double scale, distortion;
};

// Scales in steps of 0.5 % of unit variance, around the best in steps of 2 %.
Best best_scale(std::span<const std::int16_t> values, unsigned quarters, std::size_t tiles) {
  const double one = 1 / spread(values);
  Best best{0, 1};
  const auto look = [&](int thousandths) {
    const double scale = one * thousandths / 1000, found = distortion(values, scale, quarters, tiles);
    if (found < best.distortion) best = {scale, found};
  };
  for (int thousandths = 1000; thousandths <= 1140; thousandths += 20) look(thousandths);
  const int near = int(std::lround(best.scale / one * 1000));
  for (const int step : {-15, -10, -5, 5, 10, 15}) look(near + step);
  return best;
}

void print_scales(std::size_t tiles) {
  const auto values = values_of(trellis::multiplier);
  for (unsigned quarters = trellis::min_quarters; quarters <= trellis::max_quarters; ++quarters) {
    const Best best = best_scale(values, quarters, tiles);
    const double bits = quarters / 4.0;
    fmt::print("    {:.8f}F, // {} bits\n", best.scale, bits);
    fmt::print(stderr, "{} bits: {:.3f} of unit variance, {:.3f} dB above the bound\n", bits,
               best.scale * spread(values), gap_db(best.distortion, bits));
  }
}

void search_multiplier(int count, std::size_t tiles) {
  struct Found {
    double sum;
    std::string line;
  };
  std::vector<Found> found;
  Random random(1);
  for (int i = 0; i <= count; ++i) {
    const std::uint32_t multiplier = i == 0 ? trellis::multiplier : std::uint32_t(random.next() >> 32) | 1u;
    const auto values = values_of(multiplier);
    Found candidate{0, fmt::format("0x{:08X}", multiplier)};
    for (const unsigned quarters : {8, 12, 16, 20}) {
      const double scale = (quarters == 20 ? 1.08 : 1.05) / spread(values);
      const double gap = gap_db(distortion(values, scale, quarters, tiles), quarters / 4.0);
      candidate.sum += gap;
      candidate.line += fmt::format("  {:.3f}", gap);
    }
    if (i == 0) candidate.line += "  (the chosen one)";
    found.push_back(candidate);
  }
  std::ranges::sort(found, {}, &Found::sum);
  fmt::print("multiplier  dB above the bound at 2, 3, 4, 5 bits\n");
  for (const Found& one : std::span(found).first(std::min<std::size_t>(10, found.size())))
    fmt::print("{}\n", one.line);
}

} // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const auto number = [&](int at, int otherwise) { return argc > at ? std::atoi(argv[at]) : otherwise; };
  if (what == "scales")
    print_scales(std::size_t(number(2, 400)));
  else if (what == "multipliers" && argc > 2)
    search_multiplier(number(2, 0), std::size_t(number(3, 40)));
  else
    return fmt::print(stderr, "usage: train_trellis_code scales [TILES] | multipliers COUNT [TILES]\n"), 2;
  return 0;
}
