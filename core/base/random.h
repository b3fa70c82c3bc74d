// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Random numbers that are the same on every machine and compiler (std::normal_distribution is not).
#pragma once

#include <cstdint>
#include <string_view>

namespace intarsia {

// xoshiro256** (Blackman & Vigna, 2018), seeded by SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  double uniform();                         // in [0, 1), 53 bits
  std::uint64_t below(std::uint64_t bound); // in [0, bound), unbiased; bound > 0
  float normal();                           // N(0, 1), polar method

 private:
  std::uint64_t state_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

// A seed derived from a base seed and a name, so that each layer has its own stream whatever the order of
// work.
std::uint64_t seed_for(std::uint64_t seed, std::string_view name);

} // namespace intarsia
