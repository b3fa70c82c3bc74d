// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The post-processors of tokenizer.json; a new one is a function and a row of the table below.
#include <unordered_map>

#include "core/base/error.h"
#include "core/text/post_processor.h"
#include "core/text/stage_json.h"

namespace intarsia {
namespace {

using Maker = void (*)(const JsonObject&, const TokenizerSpec&, SpecialFrame&);

int known_id(const JsonObject& json, const TokenizerSpec& spec, std::int64_t id) {
  if (id < 0 || std::size_t(id) >= spec.tokens.size())
    throw input_error(json.origin() + ": the post-processor's token " + std::to_string(id) +
                      " is not in the vocabulary");
  return int(id);
}

// "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": …}, …], whose ids "special_tokens" gives.
void add_template(const JsonObject& json, const TokenizerSpec& spec, SpecialFrame& frame) {
  bool before = true;
  std::size_t texts = 0;
  for (const Json& part : list_of(json, "single")) {
    const JsonObject piece(part, json.origin());
    if (piece.has("Sequence")) {
      before = false;
      ++texts;
      continue;
    }
    const std::string name = piece.object("SpecialToken").string("id");
    const JsonObject token = json.object("special_tokens").object(name);
    for (const Json& id : list_of(token, "ids")) {
      if (!id.is_number_integer())
        throw input_error(json.origin() + ": \"" + name + "\" has an id that is not a number");
      (before ? frame.before : frame.behind).push_back(known_id(json, spec, id.get<std::int64_t>()));
    }
  }
  if (texts != 1)
    throw Error(ErrorKind::unsupported, json.origin() +
                                            ": the post-processor's field \"single\" has the text " +
                                            std::to_string(texts) + " times; once is supported");
}

// {"sep": ["</s>", 2], "cls": ["<s>", 0]}
void add_pair(const JsonObject& json, const TokenizerSpec& spec, SpecialFrame& frame) {
  const auto id_of = [&](const char* field) {
    const Json& pair = list_of(json, field);
    if (pair.size() != 2 || !pair[1].is_number_integer())
      throw input_error(json.origin() + ": field \"" + field + "\" is not a token with its id");
    return known_id(json, spec, pair[1].get<std::int64_t>());
  };
  frame.before.push_back(id_of("cls"));
  frame.behind.push_back(id_of("sep"));
}

void add_nothing(const JsonObject&, const TokenizerSpec&, SpecialFrame&) {}

void add(const JsonObject& json, const TokenizerSpec& spec, SpecialFrame& frame);

void add_sequence(const JsonObject& json, const TokenizerSpec& spec, SpecialFrame& frame) {
  for (const Json& part : list_of(json, "processors")) {
    SpecialFrame outer; // each wraps what those before it made
    add(JsonObject(part, json.origin()), spec, outer);
    frame.before.insert(frame.before.begin(), outer.before.begin(), outer.before.end());
    frame.behind.insert(frame.behind.end(), outer.behind.begin(), outer.behind.end());
  }
}

void add(const JsonObject& json, const TokenizerSpec& spec, SpecialFrame& frame) {
  static const std::unordered_map<std::string, Maker> makers{{"Sequence", add_sequence},
                                                             {"TemplateProcessing", add_template},
                                                             {"BertProcessing", add_pair},
                                                             {"RobertaProcessing", add_pair},
                                                             {"ByteLevel", add_nothing}};
  maker_of(makers, json, "a post-processor")(json, spec, frame);
}

} // namespace

SpecialFrame special_frame_of(const TokenizerSpec& spec) {
  SpecialFrame frame;
  if (!spec.post_processor.is_null()) add(JsonObject(spec.post_processor, spec.origin), spec, frame);
  return frame;
}

} // namespace intarsia
