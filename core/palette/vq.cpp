// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// VQ: pairs of weights, codebooks of a 2-D unit Gaussian trained by tests/bench/train_vq_codebooks.cpp.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/half.h"
#include "core/palette/members.h"
#include "core/palette/row_quantizer.h"

namespace intarsia {
namespace {

struct TrainedCodebook {
  double distortion;           // a weight, by the training program's quadrature
  const std::uint16_t* halves; // 2^width pairs as binary16 patterns
};

#include "core/palette/vq_codebooks.inc"

std::vector<float> codebook_of(int width) {
  const std::size_t values = std::size_t(2) << width;
  std::vector<float> book(values);
  for (std::size_t i = 0; i < values; ++i) book[i] = half_to_float(vq_codebooks[width - 3].halves[i]);
  return book;
}

class Vq : public RowQuantizer {
 public:
  explicit Vq(int width)
      : RowQuantizer({QuantizerFamily::vq, 2 * width}, 2, codebook_of(width),
                     vq_codebooks[width - 3].distortion) {
    list_candidates();
  }

 protected:
  std::uint32_t nearest(const float* pair) const override {
    const std::size_t cell = side(pair[1]) * grid + side(pair[0]);
    const auto book = codebook();
    std::uint32_t best = 0;
    float least = INFINITY;
    for (std::uint32_t i = starts_[cell]; i < starts_[cell + 1]; ++i) {
      const std::uint32_t code = candidates_[i];
      const float x = pair[0] - book[2 * code], y = pair[1] - book[2 * code + 1];
      const float distance = x * x + y * y;
      if (distance < least) least = distance, best = code;
    }
    return best;
  }

 private:
  static constexpr std::size_t grid = 96;
  static constexpr float range = 4; // cells at the rim reach to infinity

  static std::size_t side(float x) {
    return std::size_t(std::clamp((x + range) * (float(grid) / (2 * range)), 0.f, float(grid - 1)));
  }

  // A code can be the nearest to some point of a square cell only if its least distance to the cell is no
  // more than the smallest of all codes' largest distances to it. Rim cells reach out as far as any weight
  // can be (a row of n weights with unit mean square has none beyond sqrt n).
  void list_candidates() {
    const auto book = codebook();
    const std::size_t codes = book.size() / 2;
    constexpr float width = 2 * range / grid, far = 64;
    std::vector<float> nearest_distance(codes);
    starts_.push_back(0);
    for (std::size_t row = 0; row < grid; ++row)
      for (std::size_t column = 0; column < grid; ++column) {
        const float left = column == 0 ? -far : -range + width * float(column);
        const float right = column + 1 == grid ? far : -range + width * float(column + 1);
        const float bottom = row == 0 ? -far : -range + width * float(row);
        const float top = row + 1 == grid ? far : -range + width * float(row + 1);
        add_cell(book, left, right, bottom, top, nearest_distance);
      }
  }

  void add_cell(std::span<const float> book, float left, float right, float bottom, float top,
                std::vector<float>& least) {
    float bound = INFINITY;
    for (std::size_t code = 0; code < least.size(); ++code) {
      const float x = book[2 * code], y = book[2 * code + 1];
      const float near_x = std::max({left - x, x - right, 0.f}),
                  near_y = std::max({bottom - y, y - top, 0.f});
      const float far_x = std::max(x - left, right - x), far_y = std::max(y - bottom, top - y);
      least[code] = near_x * near_x + near_y * near_y;
      bound = std::min(bound, far_x * far_x + far_y * far_y);
    }
    for (std::size_t code = 0; code < least.size(); ++code)
      if (least[code] <= bound * 1.0001f) candidates_.push_back(std::uint16_t(code));
    starts_.push_back(std::uint32_t(candidates_.size()));
  }

  std::vector<std::uint32_t> starts_;
  std::vector<std::uint16_t> candidates_;
};

} // namespace

std::unique_ptr<Quantizer> make_vq(int half_bits) { return std::make_unique<Vq>(half_bits); }

} // namespace intarsia
