// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Makes core/palette/vq_codebooks.inc: Lloyd's algorithm in two dimensions on the unit Gaussian, integrated
// on a fine grid instead of sampled, so that the result is the same everywhere.
//   train_vq_codebooks > core/palette/vq_codebooks.inc
//   train_vq_codebooks 11 12      (bits of a code: those alone)
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/base/half.h"
#include "core/base/parallel.h"
#include "core/base/random.h"

namespace {

using namespace intarsia;

struct Point {
  double x, y;
};

constexpr double reach = 6.0; // mass outside: 1.5e-8

struct Cell {
  double weight = 0, x = 0, y = 0, error = 0;
};

class NearestSearch {
 public:
  explicit NearestSearch(const std::vector<Point>& points)
      : points_(points)
      , side(std::max(3, int(2 * std::sqrt(double(points.size())))))
      , width(2 * reach / side)
      , buckets_(std::size_t(side * side)) {
    for (std::size_t i = 0; i < points.size(); ++i)
      buckets_[bucket(points[i].x, points[i].y)].push_back(int(i));
  }

  int nearest(double x, double y) const {
    const int bx = coordinate(x), by = coordinate(y);
    int best = -1;
    double least = 1e300;
    for (int ring = 0; ring < side; ++ring) {
      const double clear = (ring - 1) * width; // everything in this ring is at least so far away
      if (best >= 0 && clear > 0 && clear * clear > least) break;
      for (int i = std::max(0, bx - ring); i <= std::min(side - 1, bx + ring); ++i) {
        const int step = std::abs(i - bx) == ring || ring == 0 ? 1 : 2 * ring; // the ring's cells alone
        for (int j = by - ring; j <= by + ring; j += step) {
          if (j < 0 || j >= side) continue;
          for (const int candidate : buckets_[std::size_t(i * side + j)]) {
            const double dx = x - points_[std::size_t(candidate)].x,
                         dy = y - points_[std::size_t(candidate)].y;
            if (dx * dx + dy * dy < least) least = dx * dx + dy * dy, best = candidate;
          }
        }
      }
    }
    return best;
  }

 private:
  int coordinate(double x) const { return std::clamp(int((x + reach) / width), 0, side - 1); }
  std::size_t bucket(double x, double y) const { return std::size_t(coordinate(x) * side + coordinate(y)); }

  const std::vector<Point>& points_;
  int side; // buckets a side: about one code in four of them
  double width;
  std::vector<std::vector<int>> buckets_;
};

// `grid`: points of integration a side, of which those beyond `reach` from the middle don't count.
std::vector<Cell> assign(const std::vector<Point>& points, int grid) {
  const NearestSearch search(points);
  constexpr int bands = 16; // one after another in each; a fixed number, so that sums don't depend on threads
  std::vector<std::vector<Cell>> sums(bands, std::vector<Cell>(points.size()));
  parallel_for(bands, [&](std::size_t band) {
    for (int row = int(band) * grid / bands; row < int(band + 1) * grid / bands; ++row) {
      const double y = -reach + 2 * reach * (double(row) + 0.5) / grid;
      for (int column = 0; column < grid; ++column) {
        const double x = -reach + 2 * reach * (column + 0.5) / grid;
        if (x * x + y * y > reach * reach) continue;
        const double weight = std::exp(-(x * x + y * y) / 2);
        const int code = search.nearest(x, y);
        Cell& cell = sums[band][std::size_t(code)];
        const double dx = x - points[std::size_t(code)].x, dy = y - points[std::size_t(code)].y;
        cell.weight += weight;
        cell.x += weight * x;
        cell.y += weight * y;
        cell.error += weight * (dx * dx + dy * dy);
      }
    }
  });
  std::vector<Cell> total(points.size());
  for (const auto& band : sums)
    for (std::size_t i = 0; i < band.size(); ++i) {
      total[i].weight += band[i].weight;
      total[i].x += band[i].x;
      total[i].y += band[i].y;
      total[i].error += band[i].error;
    }
  return total;
}

double distortion(const std::vector<Cell>& cells) {
  double weight = 0, error = 0;
  for (const Cell& cell : cells) weight += cell.weight, error += cell.error;
  return error / weight / 2; // a weight
}

// High-rate theory: the density of codes goes with the square root of the source's in two dimensions, so N(0,
// 2). A sunflower spiral through its quantiles starts close to the hexagonal optimum.
std::vector<Point> start(std::size_t count) {
  std::vector<Point> points;
  const double golden = M_PI * (3 - std::sqrt(5.0));
  for (std::size_t i = 0; i < count; ++i) {
    const double radius = std::sqrt(-4 * std::log(1 - (double(i) + 0.5) / double(count)));
    points.push_back({radius * std::cos(golden * double(i)), radius * std::sin(golden * double(i))});
  }
  return points;
}

// One round of Lloyd's algorithm, `step` times as far as to the mean of each cell. Returns the distortion
// before.
double lloyd_round(std::vector<Point>& points, double step, int grid) {
  const auto cells = assign(points, grid);
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (cells[i].weight <= 0) continue;
    points[i].x += step * (cells[i].x / cells[i].weight - points[i].x);
    points[i].y += step * (cells[i].y / cells[i].weight - points[i].y);
  }
  return distortion(cells);
}

// Shakes every code by `strength` of the distance to its neighbours there, so that Lloyd's next rounds find a
// better arrangement than the nearest one.
void shake(std::vector<Point>& points, double strength, Random& random) {
  for (Point& point : points) {
    const double squared = point.x * point.x + point.y * point.y;
    const double distance =
        std::sqrt(4 * M_PI / double(points.size())) * std::exp(std::min(squared, 20.0) / 8);
    point.x += strength * distance * random.normal();
    point.y += strength * distance * random.normal();
  }
}

// Seed 0: Lloyd's algorithm from the spiral. Others: shaken less and less first.
std::vector<Point> settle(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<Point> points = start(count);
  // At least seven points of integration from code to code where they are densest.
  const int grid = std::max(1200, int(24 * std::sqrt(double(count))));
  constexpr int rounds = 150, polishing = 80;
  for (int round = 0; round < rounds; ++round) {
    if (seed > 0) shake(points, 0.16 * (1 - double(round) / rounds), random);
    lloyd_round(points, 1.0, grid);
  }
  for (int round = 0; round < polishing; ++round)
    lloyd_round(points, round + 10 < polishing ? 1.7 : 1.0, grid);
  return points;
}

std::vector<Point> train(std::size_t count, double& reached) {
  constexpr std::uint64_t tries = 2;
  std::vector<Point> best;
  double least = 1;
  for (std::uint64_t seed = 0; seed < tries; ++seed) {
    auto points = settle(count, seed);
    const double present = distortion(assign(points, 2400));
    std::fprintf(stderr, "  %zu codes, try %d: %.10f\n", count, int(seed), present);
    if (present < least) least = present, best = std::move(points);
  }
  for (Point& point : best) { // as they are stored
    point.x = half_to_float(float_to_half(float(point.x)));
    point.y = half_to_float(float_to_half(float(point.y)));
  }
  reached = distortion(assign(best, 3000));
  return best;
}

} // namespace

int main(int argc, char** argv) {
  std::vector<int> widths;
  for (int i = 1; i < argc; ++i) widths.push_back(std::atoi(argv[i]));
  if (widths.empty()) widths = {3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::puts("// Made by tests/bench/train_vq_codebooks.cpp: binary16 patterns, x then y of each code.");
  std::vector<double> reached(widths.size());
  for (std::size_t k = 0; k < widths.size(); ++k) {
    const int width = widths[k];
    const auto points = train(std::size_t(1) << width, reached[k]);
    std::fprintf(stderr, "vq-%g: %.10f  gap %.3f dB\n", width / 2.0, reached[k],
                 10 * std::log10(reached[k] * std::exp2(width)));
    std::printf("constexpr std::uint16_t vq_halves_%d[] = {", width);
    for (std::size_t i = 0; i < points.size(); ++i)
      std::printf("%s0x%04x,0x%04x,", i % 8 == 0 ? "\n" : "", unsigned(float_to_half(float(points[i].x))),
                  unsigned(float_to_half(float(points[i].y))));
    std::puts("};");
    std::fflush(stdout);
  }
  std::printf("constexpr std::array<TrainedCodebook, %zu> vq_codebooks{{\n", widths.size());
  for (std::size_t k = 0; k < widths.size(); ++k)
    std::printf("{%.10f, vq_halves_%d},\n", reached[k], widths[k]);
  std::puts("}};");
}
