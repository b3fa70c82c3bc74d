// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/sentencepiece_normalizer.h"

#include <algorithm>
#include <set>

#include "core/text/precompiled_charsmap.h"
#include "core/text/stage_json.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

class SentencePieceNormalizer : public Normalizer {
 public:
  explicit SentencePieceNormalizer(const JsonObject& json)
      : map_(bytes_of_base64(json.string_or("precompiled_charsmap", ""), json.origin()), json.origin())
      , dummy_prefix_(json.boolean_or("add_dummy_prefix", true))
      , remove_extra_(json.boolean_or("remove_extra_whitespaces", true))
      , as_suffix_(json.boolean_or("treat_whitespace_as_suffix", false))
      , space_(json.boolean_or("escape_whitespaces", true) ? space_mark : " ") {
    if (json.has("user_defined"))
      for (const Json& piece : list_of(json, "user_defined"))
        if (piece.is_string()) {
          user_defined_.insert(piece.get<std::string>());
          longest_user_defined_ = std::max(longest_user_defined_, piece.get<std::string>().size());
        }
  }

  // normalizer.cc, Normalizer::Normalize.
  std::string normalize(std::string text) const override {
    std::string_view rest = text;
    while (remove_extra_ && !rest.empty()) {
      const Step first = step(rest);
      if (first.text != " ") break;
      rest.remove_prefix(first.length);
    }
    if (rest.empty()) return {};
    std::string out;
    if (dummy_prefix_ && !as_suffix_) out += space_;
    bool after_space = remove_extra_;
    while (!rest.empty()) {
      const Step next = step(rest);
      rest.remove_prefix(next.length);
      std::string_view part = next.text;
      while (after_space && part.starts_with(' ')) part.remove_prefix(1);
      for (const char c : part) {
        if (c == ' ')
          out += space_;
        else
          out += c;
      }
      if (!part.empty()) after_space = remove_extra_ && part.ends_with(' ');
    }
    while (remove_extra_ && out.ends_with(space_)) out.resize(out.size() - space_.size());
    if (dummy_prefix_ && as_suffix_) out += space_;
    return to_valid_utf8(out); // the map's replacements may be anything
  }

 private:
  struct Step {
    std::string_view text;
    std::size_t length = 1; // bytes of the input
  };

  // What the beginning of the text becomes: a user-defined piece stays, else the longest rule of the map,
  // else one character.
  Step step(std::string_view text) const {
    for (std::size_t length = std::min(longest_user_defined_, text.size()); length > 0; --length)
      if (user_defined_.contains(text.substr(0, length))) return {text.substr(0, length), length};
    if (const auto match = map_.longest_prefix(text)) return {match->replacement, match->length};
    const std::size_t length = read_utf8(text, 0).length;
    return {text.substr(0, length), length};
  }

  PrecompiledCharsmap map_;
  bool dummy_prefix_, remove_extra_, as_suffix_;
  std::string_view space_;
  std::set<std::string, std::less<>> user_defined_;
  std::size_t longest_user_defined_ = 0;
};

} // namespace

std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const JsonObject& json) {
  return std::make_unique<SentencePieceNormalizer>(json);
}

} // namespace intarsia
