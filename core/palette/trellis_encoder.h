// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Finds the states of a tail-biting trellis whose values are nearest to 256 weights: Viterbi over all 65,536
// states in 16-bit costs, on the instruction set of the machine.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/palette/trellis.h"

namespace intarsia {

// Immutable and thread-safe; each thread brings its own Scratch. Results are the same on every instruction
// set.
class TrellisEncoder {
 public:
  // `values`: of each state; a weight is compared with them after multiplication by `factor`
  // (trellis::encoder_value, trellis::encoder_factor). `quarters`: the rate.
  TrellisEncoder(unsigned quarters, std::span<const std::int16_t> values, float factor);

  // Survivor costs of all steps: 4 … 17 MB.
  class Scratch {
   public:
    explicit Scratch(const TrellisEncoder& encoder);

   private:
    friend class TrellisEncoder;
    std::unique_ptr<std::uint16_t[]> costs_;
  };

  using Weights = std::span<const float, trellis::ring_weights>;
  using States = std::span<std::uint16_t, trellis::ring_weights>;
  // The windows of weights 0 … 255. Two passes: one over the seam (steps 192 … 63) decides the bits that the
  // ends share, one over all steps with these given.
  void encode(Weights weights, Scratch& scratch, States states) const;

 private:
  struct Span; // a run of steps

  std::uint16_t* costs_before(Scratch& scratch, unsigned step) const;
  void run(const Span& span, const std::int16_t* targets, Scratch& scratch, std::uint16_t* states) const;
  void trace_back(const Span& span, const std::int16_t* targets, Scratch& scratch, std::uint32_t group,
                  std::uint16_t* states) const;
  void close(std::uint16_t* states) const;
  std::uint32_t cost(std::uint32_t state, std::int32_t target) const;

  unsigned quarters_;
  float factor_;
  int doublings_;                    // of differences before they are squared, for precision at high rates
  std::size_t stride_;               // of the costs of one step
  std::vector<std::int16_t> values_; // by the state with its bits reversed, newest bits lowest
  // The same in the order of the inner loop, by the number of new bits of the step after.
  std::array<std::vector<std::int16_t>, 6> grouped_;
};

} // namespace intarsia
