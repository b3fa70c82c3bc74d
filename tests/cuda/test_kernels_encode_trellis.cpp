// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The trellis search against core at 2^16 states, and at fewer, where many rings and orders of threads are
// affordable, against a plain search of the same width.
#include <array>

#include "core/base/half.h"
#include "core/palette/quantizer.h"
#include "core/palette/trellis_code.h"
#include "cuda/kernels/encode_trellis.cuh"
#include "tests/cuda/kernel_test.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

constexpr unsigned seam = 64;
using Values = std::vector<std::int32_t>; // by reversed state

// core's search, one state after the other.
class PlainSearch {
 public:
  PlainSearch(unsigned state_bits, unsigned quarters, const Values& values)
      : state_bits_(state_bits)
      , quarters_(quarters)
      , values_(values) {}

  std::vector<std::uint8_t> codes(const std::vector<float>& weights) const {
    std::vector<std::int32_t> targets;
    for (const float weight : weights)
      targets.push_back(std::int32_t(std::lrint(std::clamp(weight * 8192.f, -32767.f, 32767.f))));
    const auto edge = run(trellis::ring_weights - seam, 2 * seam, targets, nullptr);
    const std::uint32_t group = edge[seam] >> bits(0);
    return packed(run(0, trellis::ring_weights, targets, &group));
  }

 private:
  using States = std::vector<std::uint32_t>;
  using Costs = std::vector<std::uint32_t>;

  unsigned bits(unsigned step) const { return trellis::new_bits(step % trellis::ring_weights, quarters_); }
  std::uint32_t groups(unsigned step) const { return 1u << (state_bits_ - bits(step)); }

  std::uint32_t cost(std::uint32_t state, std::int32_t target) const {
    std::int32_t difference = std::clamp(values_[state] - target, -32768, 32767);
    if (quarters_ >= 18) difference = std::clamp(2 * difference, -32768, 32767);
    return std::uint32_t((difference * difference + (1 << 14)) >> 15);
  }

  // The best way to `group` after `step`: its last state, and its cost.
  std::pair<std::uint32_t, std::uint32_t> best(unsigned step, std::int32_t target, const Costs& before,
                                               std::uint32_t group) const {
    std::uint32_t state = group, least = UINT32_MAX;
    for (std::uint32_t s = group; s < values_.size(); s += groups(step + 1)) {
      const std::uint32_t total = cost(s, target) + before[s >> bits(step)];
      if (total < least) least = total, state = s;
    }
    return {state, std::min(least, 65535u)};
  }

  States run(unsigned first, unsigned count, const std::vector<std::int32_t>& targets,
             const std::uint32_t* group) const {
    std::vector<Costs> costs = {Costs(groups(first), group ? 65535u : 0u)};
    if (group) costs[0][*group] = 0;
    for (unsigned step = first; step < first + count; ++step) {
      Costs after;
      for (std::uint32_t q = 0; q < groups(step + 1); ++q)
        after.push_back(best(step, targets[step % trellis::ring_weights], costs.back(), q).second);
      const std::uint32_t least = *std::min_element(after.begin(), after.end());
      for (std::uint32_t& cost : after) cost -= least < 2048 ? 0 : least;
      costs.push_back(std::move(after));
    }
    const Costs& end = costs.back();
    std::uint32_t at = group ? *group : std::uint32_t(std::min_element(end.begin(), end.end()) - end.begin());
    States states(count);
    for (unsigned i = count; i-- > 0; at = states[i] >> bits(first + i))
      states[i] = best(first + i, targets[(first + i) % trellis::ring_weights], costs[i], at).first;
    return states;
  }

  std::vector<std::uint8_t> packed(const States& states) const {
    const unsigned length = quarters_ * trellis::ring_weights / 4;
    std::vector<std::uint8_t> bytes(trellis::ring_bytes(quarters_));
    for (unsigned t = 0; t < trellis::ring_weights; ++t)
      for (unsigned i = 0; i < bits(t); ++i) {
        const unsigned at = (trellis::first_bit(t, quarters_) + state_bits_ - bits(t) + i) % length;
        bytes[at / 8] |= std::uint8_t((states[t] >> (bits(t) - 1 - i) & 1u) << at % 8);
      }
    return bytes;
  }

  unsigned state_bits_, quarters_;
  const Values& values_;
};

// As the kernel takes them.
std::vector<std::uint32_t> pairs_of(const Values& values) {
  std::vector<std::uint32_t> pairs(values.size() / 2);
  for (std::size_t i = 0; i < pairs.size(); ++i)
    pairs[i] = std::uint32_t(values[2 * i] + 32768) | std::uint32_t(values[2 * i + 1] + 32768) << 16;
  return pairs;
}

Values random_values(std::size_t count) {
  Values values;
  for (const float value : gaussian(count, 3))
    values.push_back(std::int32_t(std::clamp(value * 8192.f, -32767.f, 32767.f)));
  values[0] = 32767, values[1] = -32767;
  return values;
}

Values core_values() {
  Values values(trellis::states);
  for (std::uint32_t state = 0; state < trellis::states; ++state) {
    std::uint32_t reversed = 0;
    for (unsigned bit = 0; bit < trellis::state_bits; ++bit)
      reversed |= (state >> bit & 1u) << (trellis::state_bits - 1 - bit);
    values[reversed] = trellis::encoder_value(state);
  }
  return values;
}

// Weights of a matrix with rows `stride` apart.
struct Matrix {
  int rows, columns, stride;
  Buffer<float> weights;
  Matrix(int height, int width, int step, float spread)
      : rows(height)
      , columns(width)
      , stride(step)
      , weights(gaussian(std::size_t(height) * std::size_t(step), std::uint64_t(height + width)), "weights") {
    for (float& weight : weights) weight *= spread;
  }
  // Of columns from 16 part on; empty where the ring has no weight.
  std::vector<float> ring(int panel, int part, unsigned i) const {
    std::vector<float> values;
    bool any = false;
    for (unsigned t = 0; t < trellis::ring_weights; ++t) {
      const trellis::TilePosition position = trellis::tile_position(i, t);
      const int y = 64 * panel + int(position.row), x = 16 * part + int(position.column);
      any |= y < rows && x < columns;
      values.push_back(y < rows && x < columns ? weights[std::size_t(y * stride + x)] : 0);
    }
    return any ? values : std::vector<float>();
  }
};

constexpr float factor = 8192;

// Blocks of threads share the rings; columns begin at `first_part` of the first block; panels lie `gap` bytes
// apart. A ring without weights is left as it was.
template <typename Code>
bool agrees_with_plain_search(const Matrix& matrix, unsigned quarters, unsigned blocks, unsigned first_part,
                              std::size_t gap) {
  const Values values = random_values(std::size_t(1) << Code::state_bits);
  const Buffer<std::uint32_t> pairs(pairs_of(values), "the values");
  const int high = (matrix.rows + 63) / 64, wide = (matrix.columns + 15) / 16;
  const std::size_t block_bytes = trellis::block_bytes(quarters);
  const std::size_t panel_bytes = (first_part + unsigned(wide) + 3) / 4 * block_bytes + gap;
  constexpr std::uint8_t mark = 0xA5;
  Buffer<std::uint8_t> codes(std::vector<std::uint8_t>(std::size_t(high) * panel_bytes, mark), "the codes");
  Buffer<std::uint32_t> choices(blocks * kernels::trellis_choices<Code>(), "the choices");
  const kernels::TrellisRings rings{matrix.weights.data(),
                                    std::size_t(matrix.stride),
                                    matrix.rows,
                                    matrix.columns,
                                    quarters,
                                    factor,
                                    1,
                                    codes.data(),
                                    first_part,
                                    panel_bytes};
  launch_checked(&kernels::encode_trellis<Code>, {blocks}, unsigned(Code::threads),
                 kernels::trellis_shared_bytes<Code>(), {updated(codes)}, rings, pairs.data(),
                 choices.data());
  std::vector<std::uint8_t> expected(codes.size(), mark);
  const PlainSearch search(unsigned(Code::state_bits), quarters, values);
  for (int panel = 0; panel < high; ++panel)
    for (int part = 0; part < wide; ++part)
      for (unsigned i = 0; i < trellis::part_rings; ++i) {
        const std::vector<float> weights = matrix.ring(panel, part, i);
        if (weights.empty()) continue;
        const auto stream = search.codes(weights);
        const unsigned at = first_part + unsigned(part), ring = at % 4 * 4 + i;
        std::uint8_t* block = expected.data() + std::size_t(panel) * panel_bytes + at / 4 * block_bytes;
        for (unsigned byte = 0; byte < stream.size(); ++byte)
          block[trellis::ring_byte_index(ring, byte, quarters)] = stream[byte];
      }
  if (std::equal(codes.begin(), codes.end(), expected.begin())) return true;
  qWarning("codes at %u quarter bits differ", quarters);
  return false;
}

// One ring at all 2^16 states, in one order.
bool agrees_with_core(unsigned quarters, float spread) {
  static const Buffer<std::uint32_t> pairs(pairs_of(core_values()), "the values");
  const Matrix matrix(1, 13, 16, spread); // the rest is filled up
  const MatrixShape shape{1, 13};
  const Quantizer& quantizer = intarsia::quantizer({QuantizerFamily::tcq, int(quarters)});
  std::vector<std::byte> expected(quantizer.code_bytes(shape));
  quantizer.encode(std::span(matrix.weights.data(), 13), shape, expected, {});
  Buffer<std::uint8_t> codes(std::vector<std::uint8_t>(expected.size(), 0), "the codes");
  kernels::with_trellis_code<16>(quarters, [&](auto code) {
    using Code = decltype(code);
    Buffer<std::uint32_t> choices(kernels::trellis_choices<Code>(), "the choices");
    const kernels::TrellisRings rings{
        matrix.weights.data(),    16,           1, 13, quarters, trellis::encoder_factor(quarters),
        trellis::scale(quarters), codes.data(), 0, 0};
    simt::host::launch(&kernels::encode_trellis<Code>, {1}, unsigned(Code::threads),
                       kernels::trellis_shared_bytes<Code>(), rings, pairs.data(), choices.data());
  });
  return std::equal(codes.begin(), codes.end(), expected.begin(),
                    [](std::uint8_t a, std::byte b) { return std::byte(a) == b; });
}

} // namespace

class TestKernelsEncodeTrellis : public QObject {
  Q_OBJECT
 private slots:
  void every_rate_with_fewer_states_data() {
    QTest::addColumn<unsigned>("quarters");
    for (unsigned quarters = trellis::min_quarters; quarters <= trellis::max_quarters; ++quarters)
      QTest::newRow(qPrintable(QString::number(quarters))) << quarters;
  }
  void every_rate_with_fewer_states() {
    QFETCH(unsigned, quarters);
    const Matrix matrix(quarters == 13 ? 67 : 2, 20, 23, 1); // a second panel takes its time
    kernels::with_trellis_code<11>(quarters, [&](auto code) {
      QVERIFY(agrees_with_plain_search<decltype(code)>(matrix, quarters, 2, 3, 0));
    });
    kernels::with_trellis_code<12>(quarters, [&](auto code) {
      QVERIFY(agrees_with_plain_search<decltype(code)>(Matrix(2, 16, 16, 1), quarters, 1, 0, 0));
    });
  }

  // Costs saturate where weights lie far outside, and where all are zeros most ways cost the same.
  void wild_and_equal_weights() {
    for (const unsigned quarters : {6u, 7u, 8u, 13u, 18u, 20u})
      kernels::with_trellis_code<11>(quarters, [&](auto code) {
        QVERIFY(agrees_with_plain_search<decltype(code)>(Matrix(4, 20, 20, 3), quarters, 1, 1, 8));
        QVERIFY(agrees_with_plain_search<decltype(code)>(Matrix(2, 16, 16, 40), quarters, 1, 0, 8));
        QVERIFY(agrees_with_plain_search<decltype(code)>(Matrix(2, 16, 16, 0), quarters, 1, 2, 8));
      });
  }

  void a_whole_trellis_as_core_codes_it() {
    for (const unsigned quarters : {7u, 12u, 13u, 20u})
      QVERIFY2(agrees_with_core(quarters, 1), qPrintable(QString::number(quarters)));
    QVERIFY(agrees_with_core(18, 3));
  }
};

QTEST_APPLESS_MAIN(TestKernelsEncodeTrellis)
#include "test_kernels_encode_trellis.moc"
