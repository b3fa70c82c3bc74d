// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/oniguruma.h"

#include <algorithm>
#include <cctype>

namespace intarsia {
namespace {

bool is_letter_or_digit(char c) { return std::isalnum(static_cast<unsigned char>(c)); }

std::size_t hex_digits(std::string_view pattern, std::size_t at, std::size_t most) {
  std::size_t count = 0;
  while (count < most && at + count < pattern.size() &&
         std::isxdigit(static_cast<unsigned char>(pattern[at + count])))
    ++count;
  return count;
}

// "{n}", "{n,}", "{,m}" or "{n,m}" as PCRE2 writes it.
struct Interval {
  std::string text;
  std::size_t end = 0; // 0: it is none
  bool exact = false;  // {n}
};

Interval read_interval(std::string_view pattern, std::size_t at) {
  const std::size_t end = pattern.find_first_not_of("0123456789,", at + 1);
  if (end == std::string_view::npos || pattern[end] != '}') return {};
  const std::string_view inner = pattern.substr(at + 1, end - at - 1);
  if (inner.empty() || inner == "," || std::ranges::count(inner, ',') > 1) return {};
  const std::string least = inner.starts_with(',') ? "0" : "";
  return {"{" + least + std::string(inner) + "}", end + 1, inner.find(',') == std::string_view::npos};
}

class Translation {
 public:
  explicit Translation(std::string_view pattern)
      : pattern_(pattern) {
    while (at_ < pattern_.size()) translate();
    close(groups_.front());
  }
  std::string text;

 private:
  struct Group {
    std::size_t start = 0; // in the text written
    std::string closing{}; // ends the groups that an option in it began
  };

  bool ahead(std::string_view what) const { return pattern_.substr(at_).starts_with(what); }

  void translate() {
    const char c = pattern_[at_];
    if (c == '\\' && at_ + 1 < pattern_.size()) return escape();
    if (c == '(') return open_group();
    if (c == '{') return interval();
    if (c == '[') {
      const ReadSet read = read_bracketed_set(pattern_, at_);
      return add(read.set.atom(), read.end);
    }
    if (c == ')' && groups_.size() > 1) {
      close(groups_.back());
      atom_ = groups_.back().start;
      groups_.pop_back();
      text += c;
      ++at_;
      return;
    }
    const bool quantifies = c == '*' || c == '+' || c == '?';
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80; // of a character of several bytes
    if (!quantifies && !continues) atom_ = text.size();
    text += c;
    ++at_;
  }

  void add(std::string_view atom, std::size_t end) {
    atom_ = text.size();
    text += atom;
    at_ = end;
  }

  void close(const Group& group) { text += group.closing; }

  // {n,m}+ is ({n,m})+ and {n}? is ({n})?, where PCRE2's are possessive and lazy.
  void interval() {
    const Interval read = read_interval(pattern_, at_);
    if (read.end == 0) return add("\\{", at_ + 1);
    text += read.text;
    at_ = read.end;
    if (!ahead("+") && !(read.exact && ahead("?"))) return;
    text.insert(atom_, "(?:");
    text += ')';
    text += pattern_[at_++];
  }

  void open_group() {
    if (ahead("(?#")) {
      const std::size_t end = pattern_.find(')', at_);
      at_ = end == std::string_view::npos ? pattern_.size() : end + 1;
      return;
    }
    if (ahead("(?~")) throw UntranslatablePattern{"uses the absent operator (?~…), which is not supported"};
    std::size_t end = at_ + 2;
    while (ahead("(?") && end < pattern_.size() &&
           (is_letter_or_digit(pattern_[end]) || pattern_[end] == '-'))
      ++end;
    const bool options =
        end > at_ + 2 && end < pattern_.size() && (pattern_[end] == ':' || pattern_[end] == ')');
    if (options) return open_options(end);
    groups_.push_back({text.size()});
    text += '(';
    ++at_;
  }

  // (?m) is what PCRE2 calls (?s), and an option without a group of its own makes all that follows in its
  // group one: a(?i)b|c is a(?i:b|c).
  void open_options(std::size_t end) {
    const std::size_t start = text.size();
    text += "(?";
    for (const char option : pattern_.substr(at_ + 2, end - at_ - 2)) {
      if (std::string_view("imsx-").find(option) == std::string_view::npos)
        throw UntranslatablePattern{std::string("uses the option (?") + option + "), which is not supported"};
      text += option == 'm' ? 's' : option;
    }
    const auto extended = text.find('x', start), off = text.find('-', start);
    text += ':';
    if (pattern_[end] == ':')
      groups_.push_back({start});
    else
      groups_.back().closing += extended < off ? "\n)" : ")"; // a comment ends at the line's end
    atom_ = text.size();
    at_ = end + 1;
  }

  void escape() {
    if (const auto read = read_escaped_set(pattern_, at_, false)) return add(read->set.atom(), read->end);
    if (const auto read = read_escaped_character(pattern_, at_)) return add(read->text, read->end);
    const char c = pattern_[at_ + 1];
    const std::string word = CharacterSet(read_escaped_set("\\w", 0, false)->set).atom();
    if (c == 'b')
      return add("(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))", at_ + 2);
    if (c == 'B')
      return add("(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))", at_ + 2);
    if (c == 'N') return add("[^\\n]", at_ + 2);
    if (c == 'O') return add("(?s:.)", at_ + 2);
    if (c == 'y' || c == 'Y')
      throw UntranslatablePattern{std::string("uses \\") + c + ", which is not supported"};
    const bool anchor = std::string_view("AzZGKRXkg").find(c) != std::string_view::npos;
    if (anchor && !(c == 'g' && !pattern_.substr(at_ + 2).starts_with('<')))
      return add(pattern_.substr(at_, 2), at_ + 2);
    add(pattern_.substr(at_ + 1, 1), at_ + 2); // a letter without a meaning is itself
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::size_t atom_ = 0;               // where the last thing begins that a quantifier would repeat
  std::vector<Group> groups_{Group{}}; // the pattern and the groups that are open
};

} // namespace

std::optional<ReadCharacter> read_escaped_character(std::string_view pattern, std::size_t at) {
  const char c = pattern[at + 1];
  const std::string_view behind = pattern.substr(at + 2);
  if (c == 'u') {
    if (hex_digits(pattern, at + 2, 4) < 4) throw UntranslatablePattern{"is no valid regex"};
    return ReadCharacter{"\\x{" + std::string(behind.substr(0, 4)) + "}", at + 6};
  }
  if (c == 'x' && behind.starts_with('{')) {
    const std::size_t digits = hex_digits(pattern, at + 3, 8), close = at + 3 + digits;
    if (digits == 0 || close >= pattern.size() || pattern[close] != '}')
      throw UntranslatablePattern{"uses \\x{…} with something other than one number, which is not supported"};
    return ReadCharacter{std::string(pattern.substr(at, close + 1 - at)), close + 1};
  }
  if (c == 'x') {
    const std::size_t digits = hex_digits(pattern, at + 2, 2);
    if (digits == 2 && behind[0] >= '8') // bytes of a character's UTF-8, and no code point
      throw UntranslatablePattern{"writes a character by its bytes, which is not supported"};
    return ReadCharacter{"\\x{" + (digits ? std::string(behind.substr(0, digits)) : "0") + "}",
                         at + 2 + digits};
  }
  if ((c == 'C' || c == 'M') && !behind.starts_with('-')) throw UntranslatablePattern{"is no valid regex"};
  if (c == 'C' || c == 'M' || c == 'c')
    throw UntranslatablePattern{std::string("uses \\") + c + ", which is not supported"};
  if (c == 'v') return ReadCharacter{"\\x0B", at + 2};
  if (std::string_view("ntrfae").find(c) != std::string_view::npos)
    return ReadCharacter{std::string(pattern.substr(at, 2)), at + 2};
  if (std::isdigit(static_cast<unsigned char>(c))) { // octal, or the number of a group
    std::size_t end = at + 2;
    while (end < pattern.size() && end < at + 4 && std::isdigit(static_cast<unsigned char>(pattern[end])))
      ++end;
    return ReadCharacter{std::string(pattern.substr(at, end - at)), end};
  }
  if (static_cast<unsigned char>(c) >= 0x80) return ReadCharacter{std::string(1, c), at + 2};
  if (!is_letter_or_digit(c)) return ReadCharacter{std::string(pattern.substr(at, 2)), at + 2};
  return std::nullopt;
}

std::string oniguruma_to_pcre2(std::string_view pattern) { return Translation(pattern).text; }

} // namespace intarsia
