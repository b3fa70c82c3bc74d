// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Checks that every test of the command line makes.
#pragma once

#include <algorithm>

#include "core/base/json.h"
#include "tests/support/test_support.h"

namespace intarsia::test {

// Runs the verb with --json: exit code 0, and exactly one object on stdout.
inline Json run_json(QStringList arguments) {
  arguments << "--json";
  const CliResult result = run_cli(arguments);
  if (result.exit_code != 0) qWarning("%s: %s", qPrintable(arguments.join(' ')), result.err.c_str());
  Json json = result.exit_code == 0 ? parse_json(result.out, "stdout") : Json();
  if (!json.is_object()) qWarning("%s: no JSON object", qPrintable(arguments.join(' ')));
  return json;
}

// One line of complaint, nothing on stdout, and the exit code.
inline bool complains(const CliResult& result, int exit_code, const QStringList& fragments) {
  bool good = result.exit_code == exit_code && result.out.empty() && result.err.starts_with("intarsia: ") &&
              result.err.ends_with('\n') && std::count(result.err.begin(), result.err.end(), '\n') == 1;
  for (const QString& fragment : fragments)
    good = good && QString::fromStdString(result.err).contains(fragment);
  if (!good)
    qWarning("exit %d, stdout \"%s\", stderr \"%s\", expected exit %d and: %s", result.exit_code,
             result.out.c_str(), result.err.c_str(), exit_code, qPrintable(fragments.join(" | ")));
  return good;
}

inline QString text(const std::filesystem::path& path) { return QString::fromStdString(path.string()); }

} // namespace intarsia::test
