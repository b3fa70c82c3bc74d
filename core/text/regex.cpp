// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cctype>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::uint32_t match_limit = 2'000'000; // steps a match; honest patterns need a few hundred
constexpr std::size_t max_pattern_bytes = 8192;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using MatchData = std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free_8>>;

// What Oniguruma's \w holds: letters, marks, decimal and letter numbers, connectors, circled letters, and
// Latin-1's superscripts and fractions.
constexpr std::string_view word_class =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149})"
    R"(\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";

// The end of the character class that begins at `start`, behind its "]".
std::size_t class_end(std::string_view pattern, std::size_t start) {
  std::size_t i = start + 1;
  if (i < pattern.size() && pattern[i] == '^') ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;
  int depth = 1;
  for (; i < pattern.size(); ++i) {
    if (pattern[i] == '\\')
      ++i;
    else if (pattern[i] == '[')
      ++depth;
    else if (pattern[i] == ']' && --depth == 0)
      return i + 1;
  }
  return pattern.size();
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// Where \uHHHH stands at `at`: its end. 0 elsewhere.
std::size_t code_point_end(std::string_view pattern, std::size_t at) {
  if (at + 6 > pattern.size() || pattern.substr(at, 2) != "\\u") return 0;
  const auto digits = pattern.substr(at + 2, 4);
  return std::ranges::all_of(digits, [](unsigned char c) { return std::isxdigit(c); }) ? at + 6 : 0;
}

// The end of "{n,m}+" that begins at `at`, without the plus; 0 where no such thing does.
std::size_t repeated_interval_end(std::string_view pattern, std::size_t at) {
  const std::size_t end = pattern.find_first_not_of("0123456789,", at + 1);
  if (end == std::string_view::npos || end == at + 1 || pattern[end] != '}') return 0;
  return end + 1 < pattern.size() && pattern[end + 1] == '+' ? end + 1 : 0;
}

// One class: \w inside it, and the intersection [A&&[^B]] as "no B here, then A".
std::string translated_class(std::string text) {
  replace_all(text, "\\w", word_class);
  replace_all(text, "\\h", "0-9a-fA-F");
  for (std::size_t i = 0; i < text.size(); ++i)
    if (code_point_end(text, i)) text.replace(i, 6, "\\x{" + text.substr(i + 2, 4) + "}");
  const auto both = text.find("&&");
  if (both == std::string::npos) return text;
  const std::string left = text.substr(0, both) + "]", right = text.substr(both + 2, text.size() - both - 3);
  if (right.starts_with("[^") && right.ends_with("]")) return "(?:(?![" + right.substr(2) + ")" + left + ")";
  return "(?:(?=" + (right.starts_with("[") ? right : "[" + right + "]") + ")" + left + ")";
}

// Oniguruma's dialect, in Ruby's syntax as tokenizers takes it, in PCRE2's: \h is a hexadecimal digit, \w
// knows marks, \uHHHH is a character, classes intersect by "&&", and {n,m}+ is not possessive but ({n,m})+.
class Translation {
 public:
  explicit Translation(std::string_view pattern) {
    for (std::size_t i = 0; i < pattern.size();) i = translate(pattern, i);
  }
  std::string text;

 private:
  // What begins at `i`; gives its end.
  std::size_t translate(std::string_view pattern, std::size_t i) {
    const char c = pattern[i];
    if (const std::size_t end = c == '{' ? repeated_interval_end(pattern, i) : 0) {
      text.insert(atom_, "(?:");
      text.append(pattern, i, end - i);
      text += ")+";
      return end + 1;
    }
    if (c == '\\' && i + 1 < pattern.size()) return escape(pattern, i);
    if (c == '[') {
      const std::size_t end = class_end(pattern, i);
      add(translated_class(std::string(pattern.substr(i, end - i))));
      return end;
    }
    if (c == '(') groups_.push_back(text.size());
    const bool quantifies = c == '*' || c == '+' || c == '?' || c == '{' || c == '}';
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80; // of a character of several bytes
    if (!quantifies && !continues) atom_ = text.size();
    text += c;
    if (c == ')' && !groups_.empty()) {
      atom_ = groups_.back();
      groups_.pop_back();
    }
    return i + 1;
  }

  std::size_t escape(std::string_view pattern, std::size_t i) {
    const char c = pattern[i + 1];
    if (const std::size_t end = code_point_end(pattern, i)) {
      add("\\x{" + std::string(pattern.substr(i + 2, 4)) + "}");
      return end;
    }
    if (c == 'w' || c == 'W') {
      add(std::string("[") + (c == 'W' ? "^" : "") + std::string(word_class) + "]");
    } else if (c == 'h') {
      add("[0-9a-fA-F]");
    } else {
      const bool braced =
          i + 2 < pattern.size() && pattern[i + 2] == '{' && (c == 'p' || c == 'P' || c == 'x');
      const std::size_t close = braced ? pattern.find('}', i) : std::string_view::npos;
      const std::size_t end = close == std::string_view::npos ? i + 2 : close + 1;
      add(pattern.substr(i, end - i));
      return end;
    }
    return i + 2;
  }

  void add(std::string_view atom) {
    atom_ = text.size();
    text += atom;
  }

  std::size_t atom_ = 0;            // where the last thing begins that a quantifier would repeat
  std::vector<std::size_t> groups_; // where those begin that are open
};

} // namespace

struct Regex::Program {
  std::string source, origin;
  std::unique_ptr<pcre2_code, Deleter<pcre2_code_free_8>> code;
  std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free_8>> context;

  [[noreturn]] void fail(const char* what) const {
    throw input_error(origin + ": the pattern \"" + source.substr(0, 60) + "\" of the tokenizer " + what);
  }
};

Regex::Regex(const std::string& pattern, const std::string& origin)
    : program_(std::make_unique<Program>()) {
  program_->source = pattern;
  program_->origin = origin;
  const std::string text = Translation(pattern).text;
  int error = 0;
  PCRE2_SIZE offset = 0;
  constexpr std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  if (text.size() <= max_pattern_bytes)
    program_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), options,
                                       &error, &offset, nullptr));
  if (!program_->code) program_->fail("is no valid regex");
  pcre2_jit_compile(program_->code.get(), PCRE2_JIT_COMPLETE); // without JIT it is only slower
  program_->context.reset(pcre2_match_context_create(nullptr));
  if (!program_->context) throw std::bad_alloc();
  pcre2_set_match_limit(program_->context.get(), match_limit);
  pcre2_set_depth_limit(program_->context.get(), match_limit);
}
Regex::Regex(Regex&&) noexcept = default;
Regex::~Regex() = default;

std::vector<std::pair<std::size_t, std::size_t>> Regex::matches(std::string_view text) const {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  const MatchData data(pcre2_match_data_create_from_pattern(program_->code.get(), nullptr));
  if (!data) throw std::bad_alloc();
  std::size_t position = 0, last_end = 0;
  while (position < text.size()) {
    const int status =
        pcre2_match(program_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), position,
                    PCRE2_NO_UTF_CHECK, data.get(), program_->context.get());
    if (status == PCRE2_ERROR_NOMATCH) break;
    if (status < 0) program_->fail("takes too many steps");
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
    if (bounds[0] > bounds[1] || bounds[0] < last_end) // "\K" can move a match's start
      program_->fail("does not move forward");
    if (bounds[0] < text.size() || bounds[1] > bounds[0]) found.emplace_back(bounds[0], bounds[1]);
    position = last_end = bounds[1];
    if (bounds[1] == bounds[0]) { // an empty match: go on behind the next character
      ++position;
      while (position < text.size() && (static_cast<unsigned char>(text[position]) & 0xC0) == 0x80)
        ++position;
    }
  }
  return found;
}

std::string quoted_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c))) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

} // namespace intarsia
