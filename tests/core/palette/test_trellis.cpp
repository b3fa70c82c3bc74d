// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <set>

#include "core/base/random.h"
#include "core/palette/quantizer.h"
#include "core/palette/trellis.h"
#include "core/palette/trellis_code.h"
#include "core/palette/trellis_encoder.h"
#include "tests/support/instruction_set.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

using Tile = std::array<float, trellis::ring_weights>;
using States = std::array<std::uint16_t, trellis::ring_weights>;

const std::vector<std::int16_t>& values() {
  static const auto table = [] {
    std::vector<std::int16_t> list(trellis::states);
    for (std::uint32_t s = 0; s < trellis::states; ++s) list[s] = std::int16_t(trellis::encoder_value(s));
    return list;
  }();
  return table;
}

Tile gaussian_tile(std::uint64_t seed) {
  Random random(seed);
  Tile tile;
  for (float& weight : tile) weight = random.normal();
  return tile;
}

States encode(unsigned quarters, const Tile& tile) {
  const TrellisEncoder encoder(quarters, values(), trellis::encoder_factor(quarters));
  TrellisEncoder::Scratch scratch(encoder);
  States states;
  encoder.encode(tile, scratch, states);
  return states;
}

// Windows of neighbours share all but the new bits, around the end too.
bool windows_agree(const States& states, unsigned quarters) {
  for (unsigned t = 0; t < trellis::ring_weights; ++t) {
    const unsigned bits = trellis::new_bits(t, quarters);
    const std::uint32_t before = states[(t + 255) % 256];
    if (before >> bits != (states[t] & ((trellis::states >> bits) - 1))) return false;
  }
  return true;
}

double weight_of(std::uint32_t state, unsigned quarters) {
  return trellis::state_value(state) * double(trellis::scale(quarters));
}

double squared_error(const Tile& tile, const States& states, unsigned quarters) {
  double error = 0;
  for (unsigned t = 0; t < trellis::ring_weights; ++t)
    error += std::pow(weight_of(states[t], quarters) - tile[t], 2);
  return error;
}

// A plain Viterbi in double, given the bits that the ends share: what the encoder's second pass must find.
double min_error(unsigned quarters, const Tile& tile, std::uint16_t last_state) {
  const unsigned first_bits = trellis::new_bits(0, quarters);
  std::vector<double> cost(trellis::states, 1e30), next(trellis::states);
  for (unsigned t = 0; t < trellis::ring_weights; ++t) {
    const unsigned bits = trellis::new_bits(t, quarters);
    for (std::uint32_t s = 0; s < trellis::states; ++s) {
      // The state before: s's lower bits moved up, `bits` unknown ones below.
      double least = 1e30;
      const std::uint32_t upper = s << bits & (trellis::states - 1);
      if (t == 0)
        least = upper >> bits == std::uint32_t(last_state) >> bits ? 0 : 1e30;
      else
        for (std::uint32_t old = 0; old < 1u << bits; ++old) least = std::min(least, cost[upper | old]);
      next[s] = least + std::pow(weight_of(s, quarters) - tile[t], 2);
    }
    cost.swap(next);
  }
  double least = 1e30;
  for (std::uint32_t s = 0; s < trellis::states; ++s)
    if (s >> first_bits == std::uint32_t(last_state) >> first_bits) least = std::min(least, cost[s]);
  return least;
}

} // namespace

class TestTrellis : public QObject {
  Q_OBJECT

  static void add_rates() {
    QTest::addColumn<unsigned>("quarters");
    for (unsigned quarters = 6; quarters <= trellis::max_quarters; ++quarters)
      QTest::newRow(qPrintable(QString("%1 bits").arg(quarters / 4.0))) << quarters;
  }

 private slots:
  void a_block_has_every_place_once() {
    std::set<std::pair<unsigned, unsigned>> places;
    for (unsigned ring = 0; ring < trellis::block_rings; ++ring)
      for (unsigned t = 0; t < trellis::ring_weights; ++t) {
        const trellis::TilePosition position = trellis::tile_position(ring, t);
        QVERIFY(position.row < 64 && position.column < 64);
        QVERIFY(position.column / trellis::ring_columns == ring / trellis::part_rings);
        places.insert({position.row, position.column});
        const trellis::RingStep back = trellis::ring_step(position.row, position.column);
        QVERIFY(back.ring == ring && back.step == t);
      }
    QCOMPARE(places.size(), std::size_t(64 * 64));
    // PTX ISA, mma.m16n8k32 with 8-bit A: lane 5 (group 1, thread 1 of it) holds in a1 row 9 and k 4 … 7,
    // which is weight column 1; in a2 row 1 and k 20 … 23: column 5.
    QVERIFY(trellis::tile_position(0, 5 * 32 + 1).row == 9 &&
            trellis::tile_position(0, 5 * 32 + 1).column == 1);
    QVERIFY(trellis::tile_position(0, 5 * 32 + 2).row == 1 &&
            trellis::tile_position(0, 5 * 32 + 2).column == 5);
  }

  void a_block_has_every_byte_once_data() { add_rates(); }
  void a_block_has_every_byte_once() {
    QFETCH(unsigned, quarters);
    std::set<std::size_t> bytes;
    for (unsigned ring = 0; ring < trellis::block_rings; ++ring)
      for (unsigned i = 0; i < trellis::ring_bytes(quarters); ++i)
        bytes.insert(trellis::ring_byte_index(ring, i, quarters));
    QCOMPARE(bytes.size(), trellis::block_bytes(quarters));
    QCOMPARE(*bytes.rbegin() + 1, trellis::block_bytes(quarters));
  }

  void bits_add_up_to_the_rate_data() { add_rates(); }
  void bits_add_up_to_the_rate() {
    QFETCH(unsigned, quarters);
    unsigned bits = 0;
    for (unsigned t = 0; t < trellis::ring_weights; ++t) bits += trellis::new_bits(t, quarters);
    QCOMPARE(bits, 64 * quarters);
    QCOMPARE(trellis::ring_bytes(quarters) * 8, std::size_t(bits));
  }

  void values_are_nearly_gaussian() {
    double sum = 0, squares = 0;
    int least = 0, largest = 0;
    for (std::uint32_t s = 0; s < trellis::states; ++s) {
      const int value = trellis::state_value(s);
      sum += value;
      squares += double(value) * value;
      least = std::min(least, value);
      largest = std::max(largest, value);
      QVERIFY(std::abs(trellis::encoder_value(s)) <= 32767);
    }
    QVERIFY(std::abs(sum / trellis::states) < 0.1);
    const double spread = std::sqrt(squares / trellis::states);
    for (unsigned quarters = trellis::min_quarters; quarters <= trellis::max_quarters; ++quarters) {
      const double scaled = spread * double(trellis::scale(quarters));
      QVERIFY(scaled > 0.95 && scaled < 1.2);
      QVERIFY(std::max(-least, largest) * double(trellis::scale(quarters)) > 3.2); // the tail is reached
    }
  }

  void the_best_path_is_found_data() { add_rates(); }
  void the_best_path_is_found() {
    QFETCH(unsigned, quarters);
    const Tile tile = gaussian_tile(quarters);
    const States states = encode(quarters, tile);
    QVERIFY(windows_agree(states, quarters));
    const double error = squared_error(tile, states, quarters),
                 least = min_error(quarters, tile, states[255]);
    // 16-bit costs may choose among paths that are nearly as good.
    if (error > least * 1.01) QFAIL(qPrintable(QString("%1, the least is %2").arg(error).arg(least)));
    QVERIFY(error >= least * (1 - 1e-9));
  }

  void strange_tiles_have_closed_paths_data() { add_rates(); }
  void strange_tiles_have_closed_paths() {
    QFETCH(unsigned, quarters);
    Tile zeros{}, far{}, mixed = gaussian_tile(5);
    far.fill(1e6f);
    for (unsigned t = 0; t < 256; t += 16) mixed[t] = t % 32 ? 100.f : -100.f;
    for (const Tile& tile : {zeros, far, mixed}) QVERIFY(windows_agree(encode(quarters, tile), quarters));
  }

  void every_instruction_set_finds_the_same() {
    const auto sets = test::instruction_sets();
    for (const unsigned quarters : {6u, 7u, 9u, 12u, 15u, 18u, 20u}) {
      Tile tile = gaussian_tile(100 + quarters);
      tile[3] = 40; // out of range too
      const States here = encode(quarters, tile);
      for (const std::int64_t set : sets) {
        const test::InstructionSet limited(set);
        QVERIFY2(encode(quarters, tile) == here, hwy::TargetName(set));
      }
    }
  }

  // Golden: a stored model must decode to the same weights for ever. By hand from the help's page "Code
  // layouts".
  void decoding_is_what_it_was_data() { add_rates(); }
  void decoding_is_what_it_was() {
    QFETCH(unsigned, quarters);
    const Quantizer& coder = quantizer({QuantizerFamily::tcq, int(quarters)});
    std::vector<std::byte> codes(coder.code_bytes({70, 100}));
    QCOMPARE(codes.size(), std::size_t(4 * 128 * quarters));
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = std::byte(i * 37 + i / 251 + 11);
    std::vector<float> weights(70 * 100);
    coder.decode(codes, {70, 100}, 0, 70, weights);
    const auto bit_of_lane = [&](std::size_t block, unsigned lane, unsigned bit) {
      const unsigned word = bit / 32;
      const std::size_t at =
          word < 4 * (quarters / 4) ? word / 4 * 128 + 4 * lane + word % 4 : word * 32 + lane;
      return std::uint32_t(codes[block * 128 * quarters + 4 * at + bit % 32 / 8]) >> bit % 8 & 1;
    };
    for (std::size_t row = 0; row < 70; ++row)
      for (std::size_t column = 0; column < 100; ++column) {
        const unsigned r = unsigned(row % 64), c = unsigned(column % 64);
        const unsigned lane = r % 8 * 4 + c % 4, part = c / 16, first = lane / 8 * 8;
        const unsigned value = r / 16 * 8 + c % 16 / 8 * 4 + c % 8 / 4 * 2 + r % 16 / 8;
        const unsigned start = (lane - first) * 8 * quarters + value * quarters / 4;
        std::uint32_t state = 0;
        for (unsigned i = 0; i < 16; ++i) {
          const unsigned bit = (start + i) % (64 * quarters);
          state |= bit_of_lane(row / 64 * 2 + column / 64, first + bit / (8 * quarters),
                               part * 8 * quarters + bit % (8 * quarters))
                   << i;
        }
        const std::uint32_t bytes = state * 0x83DCD12Du;
        const int sum = int((bytes & 255) + (bytes >> 8 & 255) + (bytes >> 16 & 255) + (bytes >> 24));
        QCOMPARE(weights[row * 100 + column], float(sum - 510) * trellis::scale(quarters));
      }
  }
};

QTEST_APPLESS_MAIN(TestTrellis)
#include "test_trellis.moc"
