// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/allocation/budget.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr double max_bytes = 0x1p60;

Error bad_memory(std::string_view text) {
  return Error(ErrorKind::usage,
               "\"" + std::string(text) +
                   "\" is not a memory budget: write bytes as 2.5GiB or 900MB, an average as 3.25bpw, or a "
                   "part of the f16 model as 40%");
}
Error bad_latency(std::string_view text) {
  return Error(ErrorKind::usage,
               "\"" + std::string(text) +
                   "\" is not a latency budget: write one decode step as 6.5ms, or 150tok/s");
}

// A positive, finite number and the unit behind it (blanks between them allowed).
std::optional<std::pair<double, std::string_view>> number_and_unit(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value) || value <= 0) return std::nullopt;
  std::string_view unit = text.substr(std::size_t(end - text.data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  return std::pair(value, unit);
}

} // namespace

MemoryBudget parse_memory_budget(std::string_view text) {
  const auto parsed = number_and_unit(text);
  if (!parsed) throw bad_memory(text);
  const auto [value, unit] = *parsed;
  if (unit == "bpw") return BitsPerWeight{value};
  if (unit == "%") return ModelFraction{value / 100};
  constexpr std::array<std::pair<std::string_view, double>, 9> units{{{"B", 1},
                                                                      {"KiB", 0x1p10},
                                                                      {"MiB", 0x1p20},
                                                                      {"GiB", 0x1p30},
                                                                      {"TiB", 0x1p40},
                                                                      {"KB", 1e3},
                                                                      {"MB", 1e6},
                                                                      {"GB", 1e9},
                                                                      {"TB", 1e12}}};
  for (const auto& [name, bytes] : units)
    if (unit == name && value * bytes >= 1 && value * bytes < max_bytes)
      return MemoryBytes{std::uint64_t(value * bytes)};
  throw bad_memory(text);
}

double parse_latency_budget(std::string_view text) {
  const auto parsed = number_and_unit(text);
  if (!parsed) throw bad_latency(text);
  const auto [value, unit] = *parsed;
  const double seconds = unit == "ms" ? value * 1e-3 : unit == "s" ? value : unit == "tok/s" ? 1 / value : 0;
  if (!(seconds > 0) || !std::isfinite(seconds)) throw bad_latency(text);
  return seconds;
}

} // namespace intarsia
