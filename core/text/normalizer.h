// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <memory>
#include <string>

#include "core/base/json.h"

namespace intarsia {

// Text to text, before it is cut. Input and output are valid UTF-8.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual std::string normalize(std::string text) const = 0;
};

// From tokenizer.json's object. Throws Error{unsupported} naming `origin` and a type or field it does not
// know.
std::unique_ptr<Normalizer> make_normalizer(const JsonObject& json);

} // namespace intarsia
