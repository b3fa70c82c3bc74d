// SPDX-License-Identifier: GPL-3.0-or-later
// Finds the trellis code of core/palette/trellis_code.h: `train_trellis_code hash 400` tries 400 hashes and
// prints those with the lowest distortion, `train_trellis_code curve` prints core/palette/trellis_curve.inc.
// Deterministic: the same on every machine with the same number of candidates.
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

// The x > 0 with P(|Z| < x) = p.
double half_normal_quantile(double p) {
  double low = 0, high = 8;
  for (int round = 0; round < 60; ++round) {
    const double middle = (low + high) / 2;
    (std::erf(middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return low;
}

double distortion(std::span<const std::int16_t> values, unsigned quarters, std::size_t tiles) {
  const TrellisEncoder encoder(quarters, values);
  std::vector<double> errors(tiles), energies(tiles);
  parallel_ranges(tiles, 8, [&](std::size_t begin, std::size_t end) {
    TrellisEncoder::Scratch scratch(encoder);
    for (std::size_t tile = begin; tile < end; ++tile) {
      Random random(tile + 1);
      float weights[trellis::tile_weights];
      for (float& weight : weights) weight = random.normal();
      std::uint16_t states[trellis::tile_weights];
      encoder.encode(weights, scratch, states);
      for (unsigned t = 0; t < trellis::tile_weights; ++t) {
        errors[tile] += std::pow(double(values[states[t]]) * trellis::unit - weights[t], 2);
        energies[tile] += std::pow(double(weights[t]), 2);
      }
    }
  });
  double error = 0, energy = 0;
  for (std::size_t tile = 0; tile < tiles; ++tile) error += errors[tile], energy += energies[tile];
  return error / energy;
}

// The curve without its approximation, for the search of the hash.
std::vector<std::int16_t> exact_values(std::uint32_t square, std::uint32_t linear) {
  std::vector<std::int16_t> of_magnitude(trellis::states / 2), values(trellis::states);
  for (std::size_t m = 0; m < of_magnitude.size(); ++m)
    of_magnitude[m] = std::int16_t(
        std::lround(std::min(32767.0, half_normal_quantile((double(m) + 0.5) / 32768) * 1.02 * 8192)));
  for (std::uint32_t s = 0; s < trellis::states; ++s) {
    const std::uint32_t u = (s * (s * square + linear)) & 0xFFFF;
    values[s] = std::int16_t(u & 0x8000 ? -of_magnitude[u & 0x7FFF] : of_magnitude[u & 0x7FFF]);
  }
  return values;
}

void search_hash(int candidates) {
  struct Found {
    double sum;
    std::uint32_t square, linear;
    std::string line;
  };
  std::vector<Found> found;
  Random random(1);
  for (int i = 0; i < candidates; ++i) {
    const auto square = std::uint32_t(random.below(32768)) * 2,
               linear = std::uint32_t(random.below(32768)) * 2 + 1;
    const auto values = exact_values(square, linear);
    Found candidate{0, square, linear, {}};
    for (const unsigned quarters : {8, 12, 16, 20}) {
      const double gap = gap_db(distortion(values, quarters, 100), quarters / 4.0);
      candidate.sum += gap;
      candidate.line += fmt::format("  {:.3f}", gap);
    }
    found.push_back(candidate);
  }
  std::ranges::sort(found, {}, &Found::sum);
  fmt::print("     E      M   dB above the bound at 2, 3, 4, 5 bits\n");
  for (const Found& one : std::span(found).first(std::min<std::size_t>(10, found.size())))
    fmt::print("{:6} {:6} {}\n", one.square, one.linear, one.line);
}

// Least-squares lines through the quantiles of each piece below the hinge; all as binary16 can hold.
trellis::Curve fit_curve(double scale, double reach, int hinge) {
  trellis::Curve curve{{}, {}, std::int16_t(hinge), 0};
  constexpr int places = trellis::places;
  for (int piece = 0; piece < int(trellis::pieces); ++piece) {
    double n = 0, x = 0, xx = 0, y = 0, xy = 0;
    for (int place = 0; place < places && piece * places + place <= hinge; ++place) {
      const double q = half_normal_quantile((piece * places + place + 0.5) / 1024) * scale * 8192;
      n += 1, x += place, xx += place * place, y += q, xy += place * q;
    }
    const auto at = std::size_t(piece);
    curve.slope[at] = std::int16_t(std::lround((n * xy - x * y) / (n * xx - x * x)));
    curve.start[at] = std::int16_t(trellis::rounded_to_half(int(std::lround((y - curve.slope[at] * x) / n))));
  }
  const int last = curve.start[31] + curve.slope[31] * (places - 1);
  curve.hinge_slope = std::int16_t(trellis::rounded_to_half(int(reach * 8192 - last) / (1023 - hinge)));
  return curve;
}

std::vector<std::int16_t> curve_values(const trellis::Curve& curve) {
  std::vector<std::int16_t> values(trellis::states);
  for (std::uint32_t s = 0; s < trellis::states; ++s)
    values[s] = std::int16_t(trellis::curve_value(trellis::hash(s), curve));
  return values;
}

void print_array(const char* name, const std::array<std::int16_t, trellis::pieces>& values) {
  fmt::print("    // {}\n    {{{{", name);
  for (std::size_t i = 0; i < values.size(); ++i)
    fmt::print("{}{}", values[i], i + 1 == values.size() ? "}},\n" : i % 16 == 15 ? ",\n      " : ", ");
}

void print_curve() {
  trellis::Curve best{};
  double least = 1e9;
  for (const double scale : {1.02, 1.03, 1.04, 1.05})
    for (const double reach : {3.85, 3.99})
      for (const int hinge : {1014, 1016, 1018}) {
        const trellis::Curve curve = fit_curve(scale, reach, hinge);
        double sum = 0;
        std::string line;
        for (const unsigned quarters : {8, 12, 16, 20}) {
          const double gap = gap_db(distortion(curve_values(curve), quarters, 400), quarters / 4.0);
          sum += gap;
          line += fmt::format("  {:.3f}", gap);
        }
        fmt::print(stderr, "scale {} reach {} hinge {}: {} dB\n", scale, reach, hinge, line);
        if (sum < least) least = sum, best = curve;
      }
  fmt::print("// Made by tests/bench/train_trellis_code.cpp: train_trellis_code curve\n"
             "inline constexpr Curve curve = {{\n");
  print_array("start", best.start);
  print_array("slope", best.slope);
  fmt::print("    {}, {}}};\n", best.hinge, best.hinge_slope);
}

} // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "hash" && argc > 2)
    search_hash(std::atoi(argv[2]));
  else if (what == "curve")
    print_curve();
  else
    return fmt::print(stderr, "usage: train_trellis_code hash CANDIDATES | curve\n"), 2;
  return 0;
}
