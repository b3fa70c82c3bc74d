// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace intarsia {

enum class QuantizerFamily { nuq, vq, tcq, half_tcq, f16 };
std::string_view family_name(QuantizerFamily family);        // "nuq", "half-tcq", …
QuantizerFamily parse_family(std::string_view text);         // throws Error{usage} listing the known ones
char family_letter(QuantizerFamily family);                  // in a cell of the studio's grid
std::string_view family_description(QuantizerFamily family); // a sentence or two, for people

// "nuq-4", "vq-2.5", "tcq-3.25", "f16": how a quantizer is named on the command line, in JSON and on screen.
struct QuantizerId {
  QuantizerFamily family = QuantizerFamily::f16;
  int quarter_bits = 64; // code bits per weight, in quarters: 13 is 3.25 bits

  double bits() const { return quarter_bits / 4.0; }
  auto operator<=>(const QuantizerId&) const = default;
};

std::string to_string(QuantizerId id);
// Any well-formed id, also one this build has no quantizer for; throws Error{usage} naming the text.
QuantizerId parse_quantizer_id(std::string_view text);

} // namespace intarsia
