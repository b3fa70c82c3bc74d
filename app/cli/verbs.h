// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every verb of the command line: its options and what it does. One file each.
#pragma once

#include <functional>
#include <vector>

#include "app/cli/options.h"

namespace intarsia::cli {

struct Verb {
  VerbSpec spec;
  std::function<void(const Options&)> run; // throws Error
};

// In the order of the overview. A verb is a file app/cli/<verb>.cpp with a function <verb>_verb(), and its
// name here.
#define INTARSIA_VERBS(verb)                                                                                 \
  verb(inspect) verb(devices) verb(palette) verb(profile) verb(sensitivity) verb(allocate) verb(quantize)    \
      verb(evaluate) verb(chat) verb(serve) verb(demo) verb(selftest)

#define INTARSIA_DECLARE_VERB(name) Verb name##_verb();
INTARSIA_VERBS(INTARSIA_DECLARE_VERB)
#undef INTARSIA_DECLARE_VERB

} // namespace intarsia::cli
