// SPDX-License-Identifier: GPL-3.0-or-later
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

Verb inspect_verb();
Verb devices_verb();
Verb palette_verb();
Verb profile_verb();
Verb sensitivity_verb();
Verb allocate_verb();
Verb quantize_verb();
Verb evaluate_verb();
Verb chat_verb();
Verb serve_verb();
Verb demo_verb();
Verb selftest_verb();

} // namespace intarsia::cli
