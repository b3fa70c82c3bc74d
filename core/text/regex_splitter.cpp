// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/text/regex_splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::uint32_t match_limit = 2'000'000; // steps a match; honest patterns need a few hundred
constexpr std::size_t longest_pattern = 4096;

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using MatchData = std::unique_ptr<pcre2_match_data, Freer<pcre2_match_data_free_8>>;

} // namespace

struct RegexSplitter::Pattern {
  std::string source;
  std::unique_ptr<pcre2_code, Freer<pcre2_code_free_8>> code;
  std::unique_ptr<pcre2_match_context, Freer<pcre2_match_context_free_8>> context;

  Pattern(const std::string& text, const std::string& origin)
      : source(text) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    if (text.size() <= longest_pattern)
      code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                               PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr));
    if (!code)
      throw input_error(origin + ": the pre-tokenizer's pattern \"" + text.substr(0, 60) +
                        "\" is no valid regex");
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE); // without JIT it is only slower
    context.reset(pcre2_match_context_create(nullptr));
    if (!context) throw std::bad_alloc();
    pcre2_set_match_limit(context.get(), match_limit);
    pcre2_set_depth_limit(context.get(), match_limit);
  }

  void split(std::string_view piece, std::vector<std::string_view>& out, const std::string& origin) const {
    const MatchData data(pcre2_match_data_create_from_pattern(code.get(), nullptr));
    if (!data) throw std::bad_alloc();
    const auto add = [&](std::size_t from, std::size_t to) {
      if (to > from) out.push_back(piece.substr(from, to - from));
    };
    std::size_t position = 0, start = 0; // start: of the gap before the next match
    while (position < piece.size()) {
      const int status = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(piece.data()), piece.size(),
                                     position, PCRE2_NO_UTF_CHECK, data.get(), context.get());
      if (status == PCRE2_ERROR_NOMATCH) break;
      if (status < 0)
        throw input_error(origin + ": the pre-tokenizer's pattern \"" + source.substr(0, 60) +
                          "\" takes too many steps");
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
      if (bounds[0] > bounds[1] || bounds[0] < start) // "\K" can move a match's start
        throw input_error(origin + ": the pre-tokenizer's pattern \"" + source.substr(0, 60) +
                          "\" does not move forward");
      if (bounds[1] <= position &&
          bounds[1] == bounds[0]) { // an empty match: go on behind the next character
        ++position;
        while (position < piece.size() && (static_cast<unsigned char>(piece[position]) & 0xC0) == 0x80)
          ++position;
        continue;
      }
      add(start, bounds[0]);
      add(bounds[0], bounds[1]);
      start = position = bounds[1];
    }
    add(start, piece.size());
  }
};

RegexSplitter::RegexSplitter(const std::vector<std::string>& patterns, const std::string& origin)
    : origin_(origin) {
  for (const std::string& pattern : patterns) patterns_.push_back(std::make_unique<Pattern>(pattern, origin));
}
RegexSplitter::~RegexSplitter() = default;

std::vector<std::string_view> RegexSplitter::split(std::string_view text) const {
  std::vector<std::string_view> pieces;
  if (!text.empty()) pieces.push_back(text);
  for (const auto& pattern : patterns_) {
    std::vector<std::string_view> finer;
    for (const std::string_view piece : pieces) pattern->split(piece, finer, origin_);
    pieces = std::move(finer);
  }
  return pieces;
}

} // namespace intarsia
