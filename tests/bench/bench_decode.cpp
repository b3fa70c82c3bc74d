// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How fast a core multiplies codes by one activation: weights a second of every quantizer, and the share of
// the speed at which the same run only reads the same bytes. --avx2: as on a machine without AVX-512.
//   bench_decode [--avx2] [ID …]
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <vector>

#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/runtime/backend.h"
#include "core/runtime/cpu_linear.h"
#include "core/runtime/random_weights.h"
#include "core/tensor/kernels.h"
#include "tests/support/instruction_set.h"

using namespace intarsia;

namespace {

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::uint64_t read_all(const std::vector<std::byte>& bytes) {
  std::uint64_t sums[8] = {};
  for (std::size_t at = 0; at + sizeof(sums) <= bytes.size(); at += sizeof(sums)) {
    std::uint64_t words[8];
    std::memcpy(words, bytes.data() + at, sizeof(words));
    for (std::size_t i = 0; i < 8; ++i) sums[i] += words[i];
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t part : sums) sum += part;
  return sum;
}

void measure(const Quantizer& member, MatrixShape shape) {
  const QuantizedLinear coded = random_linear(member.id(), shape, 1);
  const CpuLinear layer(coded, {}, false);
  Random random(1);
  std::vector<float> x(shape.columns), y(shape.rows);
  for (float& value : x) value = random.normal();
  LinearInput input(1, shape.columns, CpuOptions().activation_terms);
  // Taken in turns; the fastest of each: what a machine shared with others can do.
  volatile std::uint64_t sink = 0;
  double multiply = 1e9, read = 1e9, spent = 0;
  for (int run = 0; run < 5 || (spent < 0.3 && run < 1000); ++run) {
    multiply = std::min(multiply, seconds_of([&] {
                          input.set(x, 1, shape.columns);
                          layer.apply(input, y);
                        }));
    read = std::min(read, seconds_of([&] { sink = sink + read_all(coded.codes); }));
    spent += multiply + read;
  }
  fmt::print("{:<14} {:>6} x {:<6} {:>12.2f} {:>12.2f} {:>12.2f} {:>10.0f} %\n", to_string(member.id()),
             shape.rows, shape.columns, double(shape.size()) / multiply / 1e9,
             double(coded.codes.size()) / multiply / 1e9, double(coded.codes.size()) / read / 1e9,
             100 * read / multiply);
  std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
  const ThreadLimit one(1);
  std::vector<std::string> wanted(argv + 1, argv + argc);
#ifdef HWY_AVX2
  std::optional<test::InstructionSet> lesser;
  if (std::erase(wanted, "--avx2") > 0) lesser.emplace(HWY_AVX2);
#endif
  fmt::print("{}, one core\n{:<14} {:>15} {:>12} {:>12} {:>12} {:>12}\n", kernels::instruction_set(),
             "quantizer", "d_out x d_in", "G weights/s", "GB/s", "plain read", "share");
  for (const MatrixShape shape : {MatrixShape{4096, 14336}, {576, 1536}})
    for (const Quantizer* member : palette()) {
      if (wanted.empty() || std::ranges::count(wanted, to_string(member->id())) > 0) measure(*member, shape);
    }
  return 0;
}
