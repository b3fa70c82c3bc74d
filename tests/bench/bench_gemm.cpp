// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The CPU's matrix kernel on one core: GFLOP/s of a chunk of rows against a tile of tokens, as the runtime
// calls it, and the share of what the core's fused multiply-adds allow, measured in the same run.
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <vector>

#include "core/base/random.h"
#include "core/tensor/kernels.h"
#include "tests/bench/simd_rate.h"

using namespace intarsia;

namespace {

double gflops(std::size_t rows, std::size_t tokens, std::size_t n) {
  Random random(1);
  std::vector<float> w(rows * n), x(tokens * n), y(rows * tokens);
  for (float& value : w) value = random.normal();
  for (float& value : x) value = random.normal();
  double best = 0;
  const std::size_t repeats = std::max<std::size_t>(1, 50'000'000 / (rows * tokens * n));
  for (int round = 0; round < 15; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < repeats; ++i)
      kernels::multiply_rows({w.data(), n, rows}, {x.data(), n, tokens}, n, y.data(), rows);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * double(rows * tokens * n * repeats) / seconds.count());
  }
  return best / 1e9;
}

} // namespace

int main() {
  const double peak = bench::measure_fma_rate() / 1e9;
  fmt::print("{}, {:.0f} GFLOP/s of multiply-adds a core\n", kernels::instruction_set(), peak);
  fmt::print("{:>6} {:>7} {:>7} {:>9} {:>8}\n", "rows", "tokens", "n", "GFLOP/s", "of peak");
  for (const std::size_t n : {576u, 1536u, 4096u, 14336u})
    for (const std::size_t tokens : {1u, 4u, 16u, 64u}) {
      const double rate = gflops(32, tokens, n);
      fmt::print("{:>6} {:>7} {:>7} {:>9.1f} {:>6.0f} %\n", 32, tokens, n, rate, 100 * rate / peak);
    }
  return 0;
}
