// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/palette/quantizer_id.h"

#include <array>
#include <charconv>
#include <cmath>

#include "core/base/error.h"

namespace intarsia {
namespace {

struct FamilyName {
  QuantizerFamily family;
  std::string_view name;
};
constexpr std::array<FamilyName, 5> families{{{QuantizerFamily::nuq, "nuq"},
                                              {QuantizerFamily::vq, "vq"},
                                              {QuantizerFamily::tcq, "tcq"},
                                              {QuantizerFamily::half_tcq, "half-tcq"},
                                              {QuantizerFamily::f16, "f16"}}};

Error unknown_quantizer(std::string_view text) {
  return Error(ErrorKind::usage, "\"" + std::string(text) +
                                     "\" is no quantizer; ids look like nuq-4, vq-2.5, tcq-3.25 or f16 "
                                     "(`intarsia palette` lists them)");
}

} // namespace

std::string_view family_name(QuantizerFamily family) { return families[std::size_t(family)].name; }

QuantizerFamily parse_family(std::string_view text) {
  for (const auto& [family, name] : families)
    if (name == text) return family;
  throw Error(ErrorKind::usage, "\"" + std::string(text) +
                                    "\" is no quantizer family; they are nuq, vq, tcq, half-tcq and f16");
}

std::string to_string(QuantizerId id) {
  const std::string family(family_name(id.family));
  if (id.family == QuantizerFamily::f16) return family;
  std::string bits = std::to_string(id.quarter_bits / 4);
  constexpr std::array<const char*, 4> fractions{"", ".25", ".5", ".75"};
  return family + "-" + bits + fractions[std::size_t(id.quarter_bits % 4)];
}

QuantizerId parse_quantizer_id(std::string_view text) {
  if (text == "f16") return {};
  const auto dash = text.rfind('-');
  if (dash == std::string_view::npos) throw unknown_quantizer(text);
  double bits = 0;
  const std::string_view number = text.substr(dash + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), bits);
  const double quarters = bits * 4;
  if (error != std::errc() || end != number.data() + number.size() || !(bits > 0 && bits <= 16) ||
      quarters != std::floor(quarters))
    throw unknown_quantizer(text);
  for (const auto& [family, name] : families)
    if (name == text.substr(0, dash) && family != QuantizerFamily::f16) return {family, int(quarters)};
  throw unknown_quantizer(text);
}

} // namespace intarsia
