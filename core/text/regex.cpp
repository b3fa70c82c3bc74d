// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cctype>

#include "core/base/error.h"
#include "core/text/oniguruma.h"

namespace intarsia {
namespace {

constexpr std::uint32_t match_limit = 2'000'000; // steps a match; honest patterns need a few hundred
constexpr std::size_t max_pattern_bytes = 8192, max_translated_bytes = 65536;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using MatchData = std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free_8>>;

} // namespace

struct Regex::Program {
  std::string source, origin;
  std::unique_ptr<pcre2_code, Deleter<pcre2_code_free_8>> code;
  std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free_8>> context;

  [[noreturn]] void fail(const std::string& what) const {
    throw input_error(origin + ": the pattern \"" + source.substr(0, 60) + "\" of the tokenizer " + what);
  }

  std::string translated() const {
    if (source.size() > max_pattern_bytes) fail("is too long");
    std::string text;
    try {
      text = oniguruma_to_pcre2(source);
    } catch (const UntranslatablePattern& pattern) {
      fail(pattern.what);
    }
    if (text.size() > max_translated_bytes) fail("is too long");
    return text;
  }
};

Regex::Regex(const std::string& pattern, const std::string& origin)
    : program_(std::make_unique<Program>()) {
  program_->source = pattern;
  program_->origin = origin;
  const std::string text = program_->translated();
  int error = 0;
  PCRE2_SIZE offset = 0;
  // PCRE2 10.42 takes \P{Nd} and \P{Lu} for disjoint where it makes quantifiers possessive, and matches less.
  constexpr std::uint32_t options =
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_POSSESS;
  program_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), options, &error,
                                     &offset, nullptr));
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
