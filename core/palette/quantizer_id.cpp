// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/quantizer_id.h"

#include <array>
#include <charconv>
#include <cmath>

#include "core/base/error.h"

namespace intarsia {
namespace {

struct Family {
  QuantizerFamily family;
  std::string_view name;
  char letter;
  std::string_view description;
};
constexpr std::array<Family, 5> families{
    {{QuantizerFamily::nuq, "nuq", 'N',
      "Scalar quantizers: each weight is one of a few values. The fastest to decode, 2 to 8 bits."},
     {QuantizerFamily::vq, "vq", 'V',
      "Vector quantizers: two weights share a code. Half steps of bits, quick to decode."},
     {QuantizerFamily::tcq, "tcq", 'T',
      "Trellis-coded quantizers: the least distortion for their bits, in quarter steps."},
     {QuantizerFamily::half_tcq, "half-tcq", 'H',
      "Half trellis codes: rates between two trellis codes, a mixture of both."},
     {QuantizerFamily::f16, "f16", 'F', "16-bit floats: layers may stay as they are."}}};

Error unknown_quantizer(std::string_view text) {
  return Error(ErrorKind::usage, "\"" + std::string(text) +
                                     "\" is not a quantizer; ids look like nuq-4, vq-2.5, tcq-3.25 or f16 "
                                     "(`intarsia palette` lists them)");
}

} // namespace

std::string_view family_name(QuantizerFamily family) { return families[std::size_t(family)].name; }
char family_letter(QuantizerFamily family) { return families[std::size_t(family)].letter; }
std::string_view family_description(QuantizerFamily family) {
  return families[std::size_t(family)].description;
}

QuantizerFamily parse_family(std::string_view text) {
  std::string known;
  for (const Family& each : families) {
    if (each.name == text) return each.family;
    known += (&each == &families.front()  ? ""
              : &each == &families.back() ? " and "
                                          : ", ") +
             std::string(each.name);
  }
  throw Error(ErrorKind::usage, "\"" + std::string(text) + "\" is not a quantizer family; they are " + known);
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
  for (const Family& each : families)
    if (each.name == text.substr(0, dash) && each.family != QuantizerFamily::f16)
      return {each.family, int(quarters)};
  throw unknown_quantizer(text);
}

} // namespace intarsia
