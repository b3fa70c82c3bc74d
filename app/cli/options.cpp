// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/cli/options.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "core/base/error.h"

namespace intarsia::cli {
namespace {

Error usage_error(const std::string& sentence) { return Error(ErrorKind::usage, sentence); }

std::vector<OptionSpec> all_options(const VerbSpec& spec) {
  auto options = spec.options;
  options.push_back({"--json", "", "print one JSON object on standard output"});
  options.push_back({"--threads", "N", "threads to compute with (default: one a core)"});
  options.push_back({"--help", "", "show this help"});
  return options;
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

template <typename T>
std::optional<T> parse_number(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

} // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known)
    if (const std::size_t distance = edit_distance(word, candidate); distance < least)
      least = distance, best = candidate;
  return best;
}

Options::Options(const VerbSpec& spec, const std::vector<std::string>& words)
    : spec_(spec) {
  const auto options = all_options(spec);
  bool have_argument = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string name = words[i];
    if (name == "-o") name = "--output";
    if (name == "-h") name = "--help";
    if (!name.starts_with("--")) {
      if (have_argument || spec.arguments.empty())
        throw usage_error(fmt::format("{}: unexpected argument \"{}\"; see `intarsia {} --help`", spec.name,
                                      name, spec.name));
      argument_ = name;
      have_argument = true;
      continue;
    }
    std::optional<std::string> value;
    if (const auto equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto found =
        std::find_if(options.begin(), options.end(), [&](const auto& option) { return option.name == name; });
    if (found == options.end()) {
      std::vector<std::string> names;
      for (const auto& option : options) names.push_back(option.name);
      const std::string guess = nearest(name, names);
      throw usage_error(fmt::format("{}: there is no option {}{}; see `intarsia {} --help`", spec.name, name,
                                    guess.empty() ? "" : fmt::format(" (did you mean {}?)", guess),
                                    spec.name));
    }
    if (found->value.empty()) {
      if (value) throw usage_error(fmt::format("{}: option {} takes no value", spec.name, name));
      values_[name].emplace_back();
      continue;
    }
    const auto is_option = [&](const std::string& word) {
      return std::any_of(options.begin(), options.end(),
                         [&](const auto& option) { return option.name == word; });
    };
    if (!value && i + 1 < words.size() && !is_option(words[i + 1])) value = words[++i];
    if (!value)
      throw usage_error(
          fmt::format("{}: option {} needs a value: {} {}", spec.name, name, name, found->value));
    if (values_.contains(name) && !found->repeated)
      throw usage_error(fmt::format("{}: option {} is given twice", spec.name, name));
    values_[name].push_back(*value);
  }
  if (!spec.arguments.empty() && !have_argument && !help())
    throw usage_error(fmt::format("{}: which {}? usage: intarsia {} {}", spec.name, spec.arguments, spec.name,
                                  spec.arguments));
}

std::optional<std::string> Options::text(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::nullopt : std::optional(found->second.back());
}

std::vector<std::string> Options::all(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

std::uint64_t Options::count_or(const std::string& name, std::uint64_t low, std::uint64_t high,
                                std::uint64_t fallback) const {
  const auto given = text(name);
  if (!given) return fallback;
  const auto value = parse_number<std::uint64_t>(*given);
  if (!value || *value < low || *value > high)
    throw usage_error(fmt::format("{}: option {} is \"{}\", not a whole number from {} to {}", spec_.name,
                                  name, *given, low, high));
  return *value;
}

double Options::number_or(const std::string& name, double low, double high, double fallback) const {
  const auto given = text(name);
  if (!given) return fallback;
  const auto value = parse_number<double>(*given);
  if (!value || !(*value >= low && *value <= high))
    throw usage_error(fmt::format("{}: option {} is \"{}\", not a number from {} to {}", spec_.name, name,
                                  *given, low, high));
  return *value;
}

std::string Options::require(const std::string& name) const {
  const auto given = text(name);
  if (!given)
    throw usage_error(fmt::format("{}: option {} is needed; see `intarsia {} --help`", spec_.name,
                                  name == "--output" ? "-o" : name, spec_.name));
  return *given;
}

std::string help_text(const VerbSpec& spec) {
  std::string text = fmt::format("usage: intarsia {}{}{} [options]\n\n{}\n\n", spec.name,
                                 spec.arguments.empty() ? "" : " ", spec.arguments, spec.summary);
  for (const OptionSpec& option : all_options(spec)) {
    const std::string left =
        (option.name == "--output" ? "-o" : option.name) + (option.value.empty() ? "" : " " + option.value);
    text += fmt::format("  {:<28} {}\n", left, option.help);
  }
  return text;
}

} // namespace intarsia::cli
