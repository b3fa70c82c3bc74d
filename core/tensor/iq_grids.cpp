// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/tensor/iq_grids.h"

#include <cstddef>
#include <span>
#include <string_view>

namespace intarsia {
namespace {

#include "core/tensor/iq_grids.inc"

constexpr std::int8_t ternary[] = {-1, 0, 1}, three[] = {0x08, 0x19, 0x2b};
constexpr std::int8_t eight[] = {0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3e};
constexpr std::int8_t odd[] = {0x01, 0x03, 0x05, 0x07, 0x09, 0x0b, 0x0d, 0x0f};

unsigned digit(char c) { return unsigned(c <= '9' ? c - '0' : c - 'a' + 10); }

void unpack(std::string_view hex, std::span<const std::int8_t> values, std::span<std::int8_t> grid) {
  const unsigned bits = values.size() <= 4 ? 2 : 4, a_byte = 8 / bits, mask = values.size() <= 4 ? 3 : 7;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const std::size_t byte = i / a_byte;
    const unsigned packed = digit(hex[2 * byte]) << 4 | digit(hex[2 * byte + 1]);
    grid[i] = values[packed >> bits * (i % a_byte) & mask];
  }
}

template <std::size_t size>
constexpr bool fills(std::string_view hex, const std::int8_t (&)[size], unsigned bits) {
  return hex.size() * 4 == size * bits;
}

IqGrids unpack_all() {
  IqGrids grids{};
  static_assert(fills(iq1_hex, IqGrids{}.iq1, 2) && fills(iq2_xxs_hex, IqGrids{}.iq2_xxs, 2) &&
                fills(iq2_xs_hex, IqGrids{}.iq2_xs, 2) && fills(iq2_s_hex, IqGrids{}.iq2_s, 2) &&
                fills(iq3_xxs_hex, IqGrids{}.iq3_xxs, 4) && fills(iq3_s_hex, IqGrids{}.iq3_s, 4));
  unpack(iq1_hex, ternary, grids.iq1);
  unpack(iq2_xxs_hex, three, grids.iq2_xxs);
  unpack(iq2_xs_hex, three, grids.iq2_xs);
  unpack(iq2_s_hex, three, grids.iq2_s);
  unpack(iq3_xxs_hex, eight, grids.iq3_xxs);
  unpack(iq3_s_hex, odd, grids.iq3_s);
  return grids;
}

} // namespace

const IqGrids& iq_grids() {
  static const IqGrids grids = unpack_all();
  return grids;
}

} // namespace intarsia
