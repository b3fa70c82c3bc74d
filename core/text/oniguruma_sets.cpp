// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Sets of characters in Oniguruma's dialect. PCRE2 10.42 has neither sets inside sets nor intersections, its
// \w and \s are other characters, and its \p{Han} is the property Script_Extensions where Oniguruma's is
// Script.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include "core/text/oniguruma.h"

namespace intarsia {
namespace {

constexpr int max_depth = 32; // sets in sets; honest patterns nest one or two

// Letters, marks, decimal and letter numbers, connectors, circled letters. Outside of brackets Latin-1's
// superscripts and fractions count as well.
constexpr const char* word_items =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";
constexpr const char* latin1_word_items = R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
// The property White_Space; PCRE2's \s has U+180E too.
constexpr const char* space_items =
    R"(\x09-\x0D \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr const char* invisible_items = R"(\p{Cc}\p{Cn}\p{Cs})";

bool compiles(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF,
                                   &error, &offset, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

// Names as Oniguruma compares them: without case, spaces, hyphens and underscores.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const unsigned char c : name)
    if (c != ' ' && c != '-' && c != '_') plain += char(std::tolower(c));
  return plain;
}

// The POSIX brackets, most of which are properties too.
std::optional<CharacterSet> posix_set(const std::string& name) {
  const std::string space = space_items, invisible = invisible_items;
  static const std::unordered_map<std::string, CharacterSet> sets{
      {"alnum", {R"(\p{Alphabetic}\p{Nd})", {}, false}},
      {"alpha", {R"(\p{Alphabetic})", {}, false}},
      {"ascii", {R"(\x00-\x7F)", {}, false}},
      {"blank", {R"(\p{Zs}\x09)", {}, false}},
      {"cntrl", {R"(\p{Cc})", {}, false}},
      {"digit", {R"(\p{Nd})", {}, false}},
      {"graph", {space + invisible, {}, true}},
      {"lower", {R"(\p{Lowercase})", {}, false}},
      {"print", {R"(\p{Zl}\p{Zp})" + invisible, {}, true}},
      {"punct", {R"(\p{P}\p{S})", {}, false}},
      {"space", {space, {}, false}},
      {"upper", {R"(\p{Uppercase})", {}, false}},
      {"word", {word_items, {}, false}},
      {"xdigit", {"0-9A-Fa-f", {}, false}},
  };
  const auto found = sets.find(name);
  return found == sets.end() ? std::nullopt : std::optional(found->second);
}

// The general categories by their long names, which PCRE2 does not know.
const char* category(const std::string& name) {
  static const std::unordered_map<std::string, const char*> categories{{"letter", "L"},
                                                                       {"casedletter", "L&"},
                                                                       {"lc", "L&"},
                                                                       {"uppercaseletter", "Lu"},
                                                                       {"lowercaseletter", "Ll"},
                                                                       {"titlecaseletter", "Lt"},
                                                                       {"modifierletter", "Lm"},
                                                                       {"otherletter", "Lo"},
                                                                       {"mark", "M"},
                                                                       {"combiningmark", "M"},
                                                                       {"nonspacingmark", "Mn"},
                                                                       {"spacingmark", "Mc"},
                                                                       {"enclosingmark", "Me"},
                                                                       {"number", "N"},
                                                                       {"decimalnumber", "Nd"},
                                                                       {"letternumber", "Nl"},
                                                                       {"othernumber", "No"},
                                                                       {"punctuation", "P"},
                                                                       {"punct", "P"},
                                                                       {"connectorpunctuation", "Pc"},
                                                                       {"dashpunctuation", "Pd"},
                                                                       {"openpunctuation", "Ps"},
                                                                       {"closepunctuation", "Pe"},
                                                                       {"initialpunctuation", "Pi"},
                                                                       {"finalpunctuation", "Pf"},
                                                                       {"otherpunctuation", "Po"},
                                                                       {"symbol", "S"},
                                                                       {"mathsymbol", "Sm"},
                                                                       {"currencysymbol", "Sc"},
                                                                       {"modifiersymbol", "Sk"},
                                                                       {"othersymbol", "So"},
                                                                       {"separator", "Z"},
                                                                       {"spaceseparator", "Zs"},
                                                                       {"lineseparator", "Zl"},
                                                                       {"paragraphseparator", "Zp"},
                                                                       {"other", "C"},
                                                                       {"control", "Cc"},
                                                                       {"format", "Cf"},
                                                                       {"surrogate", "Cs"},
                                                                       {"privateuse", "Co"},
                                                                       {"unassigned", "Cn"}};
  const auto found = categories.find(name);
  return found == categories.end() ? nullptr : found->second;
}

CharacterSet property_set(std::string_view written) {
  const std::string name = plain_name(written);
  if (const char* short_name = category(name)) return {"\\p{" + std::string(short_name) + "}", {}, false};
  if (name == "word") return {std::string(word_items) + latin1_word_items, {}, false};
  if (const auto set = posix_set(name)) return *set;
  const bool plain = std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c); });
  for (const char* start : {"\\p{sc:", "\\p{"})
    if (plain && compiles(start + name + "}")) return {start + name + "}", {}, false};
  throw UntranslatablePattern{"uses the property \\p{" + std::string(written) + "}, which is not supported"};
}

// \p{…}, \P{…}, \p{^…}.
ReadSet read_property(std::string_view pattern, std::size_t at) {
  const std::size_t close = pattern.find('}', at);
  if (close == std::string_view::npos) throw UntranslatablePattern{"leaves a property open"};
  std::string_view name = pattern.substr(at + 3, close - at - 3);
  const bool negated = name.starts_with('^');
  if (negated) name.remove_prefix(1);
  CharacterSet set = property_set(name);
  set.negated ^= (pattern[at + 1] == 'P') != negated;
  return {std::move(set), close + 1};
}

// One escape alone, which needs no brackets: \d, \p{L}.
bool is_one_property(const std::string& items) {
  return items.starts_with("\\p{") && items.find('}') == items.size() - 1;
}

// Reads what stands between brackets.
class BracketReader {
 public:
  BracketReader(std::string_view pattern, std::size_t at, int depth)
      : pattern_(pattern)
      , at_(at + 1)
      , depth_(depth) {
    if (depth_ > max_depth) throw UntranslatablePattern{"nests its character classes too deep"};
  }

  ReadSet read() {
    const bool negated = take("^");
    if (take("]")) character("\\]"); // "]" in the first place is a character
    while (!take("]")) {
      if (at_ >= pattern_.size()) throw UntranslatablePattern{"leaves a character class open"};
      if (take("&&"))
        close_union();
      else
        element();
    }
    CharacterSet set = united_;
    if (!ahead_.empty()) set = {"", {"(?:" + ahead_ + united_.atom() + ")"}, false};
    set.negated = negated;
    return {std::move(set), at_};
  }

 private:
  bool take(std::string_view text) {
    if (!pattern_.substr(std::min(at_, pattern_.size())).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  // [A&&B] is "A is ahead, then B".
  void close_union() {
    ahead_ += "(?=" + united_.atom() + ")";
    united_ = {};
    single_ = range_ = false;
  }

  void element() {
    const char c = pattern_[at_];
    if (c == '[') return nested();
    if (c == '-' && !range_ && single_ && !ends_behind(at_ + 1)) {
      united_.items += '-';
      range_ = true;
      ++at_;
    } else if (c != '\\') {
      const bool special = c == '^' || c == '-';
      ++at_;
      character(special ? std::string("\\") + c : std::string(1, c));
    } else if (at_ + 1 >= pattern_.size()) {
      throw UntranslatablePattern{"leaves a character class open"};
    } else if (const auto set = read_escaped_set(pattern_, at_, true)) {
      add(*set);
    } else if (const auto escaped = read_escaped_character(pattern_, at_)) {
      at_ = escaped->end;
      character(escaped->text);
    } else { // a letter without a meaning here is itself
      character(pattern_[at_ + 1] == 'b' ? "\\x08" : std::string(1, pattern_[at_ + 1]));
      at_ += 2;
    }
  }

  void nested() {
    const std::size_t close = pattern_.find(":]", at_ + 2);
    if (pattern_.substr(at_).starts_with("[:") && close != std::string_view::npos) {
      std::string_view name = pattern_.substr(at_ + 2, close - at_ - 2);
      const bool negated = name.starts_with('^');
      if (negated) name.remove_prefix(1);
      if (std::ranges::all_of(name, [](unsigned char c) { return std::isalpha(c); })) {
        auto set = posix_set(std::string(name));
        if (!set) throw UntranslatablePattern{"uses the unknown class [:" + std::string(name) + ":]"};
        set->negated ^= negated;
        return add({std::move(*set), close + 2});
      }
    }
    add(BracketReader(pattern_, at_, depth_ + 1).read());
  }

  // Whether nothing follows that a range could end with.
  bool ends_behind(std::size_t at) const {
    const std::string_view rest = pattern_.substr(at);
    return rest.empty() || rest[0] == ']' || rest[0] == '[' || rest.starts_with("&&");
  }

  void character(const std::string& text) {
    united_.items += text;
    single_ = !range_;
    range_ = false;
  }

  void add(const ReadSet& part) {
    united_.unite(part.set);
    at_ = part.end;
    single_ = range_ = false;
  }

  std::string_view pattern_;
  std::size_t at_;
  int depth_;
  CharacterSet united_;
  std::string ahead_;
  bool single_ = false; // the last thing was a character that can begin a range
  bool range_ = false;  // a range waits for its end
};

} // namespace

std::string CharacterSet::atom() const {
  if (atoms.empty()) {
    if (items.empty()) return negated ? "(?s:.)" : "(?!)";
    if (is_one_property(items)) return (negated ? "\\P" : "\\p") + items.substr(2);
    return (negated ? "[^" : "[") + items + "]";
  }
  std::string any = items.empty() ? "" : "[" + items + "]";
  for (const std::string& atom : atoms) any += (any.empty() ? "" : "|") + atom;
  return negated ? "(?:(?!" + any + ")(?s:.))" : "(?:" + any + ")";
}

void CharacterSet::unite(const CharacterSet& other) {
  if (other.negated && other.atoms.empty() && is_one_property(other.items)) {
    items += "\\P" + other.items.substr(2);
  } else if (other.negated) {
    atoms.push_back(other.atom());
  } else {
    items += other.items;
    atoms.insert(atoms.end(), other.atoms.begin(), other.atoms.end());
  }
}

ReadSet read_bracketed_set(std::string_view pattern, std::size_t at) {
  return BracketReader(pattern, at, 0).read();
}

std::optional<ReadSet> read_escaped_set(std::string_view pattern, std::size_t at, bool in_brackets) {
  const char c = pattern[at + 1];
  const bool negated = std::isupper(static_cast<unsigned char>(c));
  switch (c) {
  case 'w':
  case 'W':
    return ReadSet{{std::string(word_items) + (in_brackets ? "" : latin1_word_items), {}, negated}, at + 2};
  case 's':
  case 'S':
    return ReadSet{{space_items, {}, negated}, at + 2};
  case 'd':
  case 'D':
    return ReadSet{{"\\p{Nd}", {}, negated}, at + 2};
  case 'h':
  case 'H':
    return ReadSet{{"0-9a-fA-F", {}, negated}, at + 2};
  case 'p':
  case 'P':
    if (pattern.substr(at + 2).starts_with('{')) return read_property(pattern, at);
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

} // namespace intarsia
