// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/tool_calls.h"

#include <algorithm>
#include <array>
#include <optional>

namespace intarsia {
namespace {

constexpr std::string_view open_tag = "<tool_call>", close_tag = "</tool_call>", spaces = " \t\r\n";
// Before calls that are the whole answer.
constexpr std::array<std::string_view, 2> marks{"[TOOL_CALLS]", "<|python_tag|>"};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) + 1 - first);
}

std::optional<ToolCall> call_of(const OrderedJson& json) {
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string()) return std::nullopt;
  ToolCall call{json["name"].get<std::string>(), "{}"};
  if (call.name.empty()) return std::nullopt;
  for (const char* field : {"arguments", "parameters"})
    if (json.contains(field)) {
      const OrderedJson& arguments = json[field];
      // Some models write the object as a string.
      const OrderedJson inner = arguments.is_string()
                                    ? OrderedJson::parse(arguments.get<std::string>(), nullptr, false)
                                    : arguments;
      if (!inner.is_object()) return std::nullopt;
      call.arguments = inner.dump();
      return call;
    }
  return call;
}

// Nothing where a part is not a call.
std::vector<ToolCall> calls_of(const std::vector<OrderedJson>& list) {
  std::vector<ToolCall> calls;
  for (const OrderedJson& json : list)
    if (auto call = call_of(json))
      calls.push_back(std::move(*call));
    else
      return {};
  return calls;
}

// Blocks between tags; the last may lack its end.
std::vector<ToolCall> tagged_calls(std::string_view text) {
  std::vector<OrderedJson> list;
  while (!text.empty()) {
    if (!text.starts_with(open_tag)) return {};
    text.remove_prefix(open_tag.size());
    const auto end = text.find(close_tag);
    list.push_back(OrderedJson::parse(trimmed(text.substr(0, end)), nullptr, false));
    text = end == std::string_view::npos ? std::string_view() : trimmed(text.substr(end + close_tag.size()));
  }
  return calls_of(list);
}

// One object, a list of them, or several with ";" between them.
std::vector<ToolCall> bare_calls(std::string_view text) {
  if (const auto whole = OrderedJson::parse(text, nullptr, false); !whole.is_discarded())
    return calls_of(whole.is_array() ? whole.get<std::vector<OrderedJson>>()
                                     : std::vector<OrderedJson>{whole});
  std::vector<OrderedJson> list;
  for (std::size_t begin = 0, at = 0; at != std::string_view::npos;) {
    at = text.find(';', at); // which may also stand in a string
    const auto json = OrderedJson::parse(trimmed(text.substr(begin, at - begin)), nullptr, false);
    if (at != std::string_view::npos) ++at;
    if (json.is_discarded()) continue;
    list.push_back(json);
    if (at == std::string_view::npos) return calls_of(list);
    begin = at;
  }
  return {};
}

// Whether `text`, the beginning of an answer, may be that of calls alone.
bool may_be_bare(std::string_view text) {
  text = text.substr(std::min(text.find_first_not_of(spaces), text.size()));
  if (text.empty() || text[0] == '{') return true;
  if (text[0] == '[') { // a list of objects, or the mark
    const std::string_view inside = text.substr(1);
    const auto next = inside.find_first_not_of(spaces);
    if (next == std::string_view::npos || inside[next] == '{') return true;
  }
  return std::any_of(marks.begin(), marks.end(), [text](std::string_view mark) {
    const std::size_t same = std::min(mark.size(), text.size());
    return mark.substr(0, same) == text.substr(0, same);
  });
}

// Where the text may turn into a tagged call: at the tag or at its beginning at the end, spaces before it
// too.
std::size_t certain(std::string_view text) {
  std::size_t end = text.find(open_tag);
  if (end == std::string_view::npos) {
    end = text.size();
    for (std::size_t size = std::min(open_tag.size() - 1, text.size()); size > 0; --size)
      if (text.ends_with(open_tag.substr(0, size))) {
        end -= size;
        break;
      }
  }
  const auto last = text.substr(0, end).find_last_not_of(spaces);
  return last == std::string_view::npos ? 0 : last + 1;
}

} // namespace

std::set<std::string> tool_names(const OrderedJson& tools) {
  std::set<std::string> names;
  if (!tools.is_array()) return names;
  for (const OrderedJson& tool : tools) {
    const OrderedJson& inner = tool.is_object() && tool.contains("function") && tool["function"].is_object()
                                   ? tool["function"]
                                   : tool;
    if (inner.is_object() && inner.contains("name") && inner["name"].is_string())
      names.insert(inner["name"].get<std::string>());
  }
  return names;
}

std::string ToolCallReader::add(std::string_view text) {
  held_ += text;
  if (!begun_ && may_be_bare(held_)) return {};
  const std::size_t size = certain(held_);
  std::string told = held_.substr(0, size);
  held_.erase(0, size);
  begun_ = begun_ || !told.empty();
  return told;
}

AnswerWithCalls ToolCallReader::finish() {
  std::string_view rest = trimmed(held_);
  if (rest.starts_with(open_tag)) {
    if (auto calls = tagged_calls(rest); !calls.empty()) return {"", std::move(calls)};
  } else if (!begun_) {
    bool marked = false;
    for (const std::string_view mark : marks)
      if (rest.starts_with(mark)) {
        rest = trimmed(rest.substr(mark.size()));
        marked = true;
      }
    auto calls = bare_calls(rest);
    const bool known = std::all_of(calls.begin(), calls.end(),
                                   [this](const ToolCall& call) { return known_.contains(call.name); });
    if (!calls.empty() && (marked || known)) return {"", std::move(calls)};
  }
  return {std::move(held_), {}};
}

} // namespace intarsia
