// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// NUQ: scalar Lloyd-Max quantizers of a unit Gaussian, 2^b levels.
#include <algorithm>
#include <cmath>

#include "core/palette/lloyd_max.h"
#include "core/palette/members.h"
#include "core/palette/row_quantizer.h"

namespace intarsia {
namespace {

std::vector<float> to_float(const std::vector<double>& values) { return {values.begin(), values.end()}; }

class Nuq : public RowQuantizer {
 public:
  Nuq(int bits, const LloydMax& solution)
      : RowQuantizer({QuantizerFamily::nuq, 4 * bits}, 1, to_float(solution.levels), solution.distortion)
      , thresholds_(to_float(solution.thresholds)) {
    first_guess_.resize(guesses);
    for (std::size_t i = 0; i < guesses; ++i) {
      const float left = (float(i) / guesses * 2 - 1) * guess_range;
      first_guess_[i] =
          std::uint16_t(std::lower_bound(thresholds_.begin(), thresholds_.end(), left) - thresholds_.begin());
    }
  }

 protected:
  std::uint32_t nearest(const float* weight) const override {
    const float position = (*weight + guess_range) * (float(guesses) / (2 * guess_range));
    const auto guess = std::size_t(std::clamp(position, 0.f, float(guesses - 1)));
    std::uint32_t code =
        first_guess_[guess]; // of the left end of the guess's interval: the code is this or a few more
    while (code > 0 && thresholds_[code - 1] >= *weight) --code;
    while (code < thresholds_.size() && thresholds_[code] < *weight) ++code;
    return code;
  }

 private:
  static constexpr std::size_t guesses = 1024;
  static constexpr float guess_range = 4; // beyond it the search walks
  std::vector<float> thresholds_;
  std::vector<std::uint16_t> first_guess_;
};

} // namespace

std::unique_ptr<Quantizer> make_nuq(int bits) {
  return std::make_unique<Nuq>(bits, solve_lloyd_max(std::size_t(1) << bits));
}

} // namespace intarsia
