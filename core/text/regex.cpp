// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::uint32_t match_limit = 2'000'000; // steps a match; honest patterns need a few hundred
constexpr std::size_t longest_pattern = 8192;

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

// One class: \w inside it, and the intersection [A&&[^B]] as "no B here, then A".
std::string translated_class(std::string text) {
  replace_all(text, "\\w", word_class);
  const auto both = text.find("&&");
  if (both == std::string::npos) return text;
  const std::string left = text.substr(0, both) + "]", right = text.substr(both + 2, text.size() - both - 3);
  if (right.starts_with("[^") && right.ends_with("]")) return "(?:(?![" + right.substr(2) + ")" + left + ")";
  return "(?:(?=" + (right.starts_with("[") ? right : "[" + right + "]") + ")" + left + ")";
}

// Oniguruma's dialect in PCRE2's: \h is a hexadecimal digit, \w knows marks, classes intersect by "&&".
std::string translated(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size();) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      const char c = pattern[i + 1];
      if (c == 'w' || c == 'W')
        out += std::string("[") + (c == 'W' ? "^" : "") + std::string(word_class) + "]";
      else if (c == 'h')
        out += "[0-9a-fA-F]";
      else
        out.append(pattern, i, 2);
      i += 2;
    } else if (pattern[i] == '[') {
      const std::size_t end = class_end(pattern, i);
      out += translated_class(std::string(pattern.substr(i, end - i)));
      i = end;
    } else {
      out += pattern[i++];
    }
  }
  return out;
}

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
  const std::string text = translated(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  constexpr std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  if (text.size() <= longest_pattern)
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
