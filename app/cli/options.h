// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The command line of one verb, declared and then read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace intarsia::cli {

struct OptionSpec {
  std::string name;  // "--memory"
  std::string value; // "B"; empty: a switch
  std::string help;
  bool repeated = false; // may be given more than once
};

struct VerbSpec {
  std::string name;
  std::string arguments; // "MODEL"; empty: none
  std::string summary;
  std::vector<OptionSpec> options; // --json, --threads and --help are added to every verb
};

class Options {
 public:
  // Throws Error{usage} naming what is wrong and the nearest option that exists.
  Options(const VerbSpec& spec, const std::vector<std::string>& words);

  bool help() const { return has("--help"); }
  bool json() const { return has("--json"); }
  bool has(const std::string& name) const { return values_.contains(name); }
  const std::string& argument() const { return argument_; } // the verb's positional argument
  std::optional<std::string> text(const std::string& name) const;
  std::vector<std::string> all(const std::string& name) const;
  std::uint64_t count_or(const std::string& name, std::uint64_t low, std::uint64_t high,
                         std::uint64_t fallback) const;
  double number_or(const std::string& name, double low, double high, double fallback) const;
  std::string require(const std::string& name) const; // throws when missing

 private:
  const VerbSpec& spec_;
  std::string argument_;
  std::map<std::string, std::vector<std::string>> values_;
};

std::string help_text(const VerbSpec& spec);
// The closest of `known` by edit distance, for "did you mean"; empty when none is close.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

} // namespace intarsia::cli
