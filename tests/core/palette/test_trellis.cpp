// SPDX-License-Identifier: GPL-3.0-or-later
#include <set>

#include "core/base/half.h"
#include "core/base/random.h"
#include "core/palette/quantizer.h"
#include "core/palette/trellis.h"
#include "core/palette/trellis_code.h"
#include "core/palette/trellis_encoder.h"
#include "tests/support/instruction_set.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

using Tile = std::array<float, trellis::tile_weights>;
using States = std::array<std::uint16_t, trellis::tile_weights>;

const std::vector<std::int16_t>& values() {
  static const auto table = [] {
    std::vector<std::int16_t> list(trellis::states);
    for (std::uint32_t s = 0; s < trellis::states; ++s) list[s] = std::int16_t(trellis::state_value(s));
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
  const TrellisEncoder encoder(quarters, values());
  TrellisEncoder::Scratch scratch(encoder);
  States states;
  encoder.encode(tile, scratch, states);
  return states;
}

// Windows of neighbours share all but the new bits, around the end too.
bool windows_agree(const States& states, unsigned quarters) {
  for (unsigned t = 0; t < trellis::tile_weights; ++t) {
    const unsigned bits = trellis::new_bits(t, quarters);
    const std::uint32_t before = states[(t + 255) % 256];
    if (before >> bits != (states[t] & ((trellis::states >> bits) - 1))) return false;
  }
  return true;
}

double squared_error(const Tile& tile, const States& states) {
  double error = 0;
  for (unsigned t = 0; t < trellis::tile_weights; ++t)
    error += std::pow(double(values()[states[t]]) * trellis::unit - tile[t], 2);
  return error;
}

// A plain Viterbi in double, given the bits that the ends share: what the encoder's second pass must find.
double least_error(unsigned quarters, const Tile& tile, std::uint16_t last_state) {
  const unsigned first_bits = trellis::new_bits(0, quarters);
  std::vector<double> cost(trellis::states, 1e30), next(trellis::states);
  for (unsigned t = 0; t < trellis::tile_weights; ++t) {
    const unsigned bits = trellis::new_bits(t, quarters);
    for (std::uint32_t s = 0; s < trellis::states; ++s) {
      // The state before: s's lower bits moved up, `bits` unknown ones below.
      double least = 1e30;
      const std::uint32_t upper = s << bits & (trellis::states - 1);
      if (t == 0)
        least = upper >> bits == std::uint32_t(last_state) >> bits ? 0 : 1e30;
      else
        for (std::uint32_t old = 0; old < 1u << bits; ++old) least = std::min(least, cost[upper | old]);
      next[s] = least + std::pow(double(values()[s]) * trellis::unit - tile[t], 2);
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
    for (unsigned quarters = 6; quarters <= trellis::most_quarters; ++quarters)
      QTest::newRow(qPrintable(QString("%1 bits").arg(quarters / 4.0))) << quarters;
  }

 private slots:
  void a_tile_has_every_place_once() {
    std::set<std::pair<unsigned, unsigned>> places;
    for (unsigned t = 0; t < trellis::tile_weights; ++t) {
      const trellis::Place place = trellis::place(t);
      QVERIFY(place.row < 16 && place.column < 16);
      places.insert({place.row, place.column});
    }
    QCOMPARE(places.size(), std::size_t(256));
    // PTX ISA, mma.m16n8k16: lane 5 holds a0 at row 1, column 2 and a6 at row 9, column 10.
    QCOMPARE(trellis::place(40).row, 1u);
    QCOMPARE(trellis::place(40).column, 2u);
    QCOMPARE(trellis::place(46).row, 9u);
    QCOMPARE(trellis::place(46).column, 10u);
  }

  void bits_add_up_to_the_rate_data() { add_rates(); }
  void bits_add_up_to_the_rate() {
    QFETCH(unsigned, quarters);
    unsigned bits = 0;
    for (unsigned t = 0; t < trellis::tile_weights; ++t) bits += trellis::new_bits(t, quarters);
    QCOMPARE(bits, 64 * quarters);
    QCOMPARE(trellis::tile_bytes(quarters) * 8, std::size_t(bits));
  }

  void the_hash_is_a_permutation() {
    std::vector<bool> seen(trellis::states);
    for (std::uint32_t s = 0; s < trellis::states; ++s) seen[trellis::hash(s)] = true;
    QCOMPARE(std::count(seen.begin(), seen.end(), true), std::ptrdiff_t(trellis::states));
  }

  void values_are_odd_and_exact_in_binary16() {
    int last = -1;
    for (std::uint32_t u = 0; u < 0x8000; ++u) {
      const int value = trellis::curve_value(u);
      QVERIFY(value >= last - 128 && value <= 32767); // pieces may overlap a little
      QCOMPARE(trellis::curve_value(u | 0x8000), -value);
      const float exact = float(value) * trellis::unit;
      QCOMPARE(half_to_float(float_to_half(exact)), exact);
      last = value;
    }
    QVERIFY(last > 3.9 / trellis::unit); // the tail is reached
  }

  void the_best_path_is_found_data() { add_rates(); }
  void the_best_path_is_found() {
    QFETCH(unsigned, quarters);
    const Tile tile = gaussian_tile(quarters);
    const States states = encode(quarters, tile);
    QVERIFY(windows_agree(states, quarters));
    const double error = squared_error(tile, states), least = least_error(quarters, tile, states[255]);
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

  // Golden: a stored model must decode to the same weights for ever.
  void decoding_is_what_it_was() {
    const Quantizer& coder = quantizer(parse_quantizer_id("tcq-3.25"));
    std::vector<std::byte> codes(coder.code_bytes({16, 16}));
    QCOMPARE(codes.size(), std::size_t(104));
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = std::byte(i * 37 + 11);
    std::vector<float> weights(256);
    coder.decode(codes, {16, 16}, 0, 16, weights);
    // Weight 0: state 0x300B; weight 255: bits 828 … 843 of 832, which go on at bit 0. By hand from the
    // help's page "Code layouts".
    const auto by_hand = [&](unsigned t) {
      std::uint32_t state = 0;
      for (unsigned i = 0; i < 16; ++i) {
        const unsigned bit = (t * 13 / 4 + i) % 832;
        state |= (std::uint32_t(codes[bit / 8]) >> bit % 8 & 1) << i;
      }
      const std::uint32_t u = (state * (46986 * state + 19469)) & 0xFFFF;
      return coder.codebook()[u / 32];
    };
    QCOMPARE(weights[0], by_hand(0));
    QCOMPARE(weights[15 * 16 + 15], by_hand(255));
    QCOMPARE(weights[9 * 16 + 10], by_hand(46));
    QCOMPARE(coder.codebook()[2047], -coder.codebook()[1023]);
  }
};

QTEST_APPLESS_MAIN(TestTrellis)
#include "test_trellis.moc"
