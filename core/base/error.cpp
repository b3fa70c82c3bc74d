// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/error.h"

#include <new>

namespace intarsia {

namespace {

// Names out of a foreign file may hold line breaks and terminal escapes; a sentence is one plain line.
std::string on_one_line(std::string sentence) {
  for (char& c : sentence)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return sentence;
}

} // namespace

std::string current_exception_sentence() {
  try {
    throw;
  } catch (const Error& error) {
    return on_one_line(error.what());
  } catch (const std::bad_alloc&) {
    return "not enough memory: close other programs, choose a smaller context or a smaller model";
  } catch (const std::exception& error) {
    return on_one_line(std::string("unexpected failure: ") + error.what());
  } catch (...) {
    return "unexpected failure of an unknown kind";
  }
}

} // namespace intarsia
