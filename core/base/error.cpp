// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"

#include <new>

namespace intarsia {

std::string current_exception_sentence() {
  try {
    throw;
  } catch (const Error& error) {
    return error.what();
  } catch (const std::bad_alloc&) {
    return "not enough memory: close other programs, choose a smaller context or a smaller model";
  } catch (const std::exception& error) {
    return std::string("unexpected failure: ") + error.what();
  } catch (...) {
    return "unexpected failure of an unknown kind";
  }
}

} // namespace intarsia
