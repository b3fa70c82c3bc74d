// SPDX-License-Identifier: GPL-3.0-or-later
// Filters, tests, methods and functions that chat templates use.
#include <algorithm>
#include <cctype>
#include <ctime>

#include "core/base/error.h"
#include "core/text/jinja/interpreter.h"
#include "core/text/utf8.h"

namespace intarsia::jinja {
namespace {

constexpr std::string_view blanks = " \t\n\r\v\f";
constexpr std::int64_t longest_range = 100'000;
constexpr std::size_t most_parts = 1'000'000;

std::string strip(const std::string& text, const Value& characters, bool left, bool right) {
  const std::string set = characters.string() ? *characters.string() : std::string(blanks);
  const auto begin = left ? text.find_first_not_of(set) : 0;
  if (begin == std::string::npos) return {};
  const auto end = right ? text.find_last_not_of(set) : text.size() - 1;
  return end == std::string::npos ? std::string() : text.substr(begin, end - begin + 1);
}

std::string mapped(std::string text, int (*change)(int)) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x80) c = char(change(static_cast<unsigned char>(c)));
  return text;
}

std::string capitalised(std::string text) {
  text = mapped(text, std::tolower);
  if (!text.empty() && static_cast<unsigned char>(text[0]) < 0x80) text[0] = char(std::toupper(text[0]));
  return text;
}

std::string titled(std::string text) {
  bool start = true;
  for (char& c : text) {
    c = char(start ? std::toupper(static_cast<unsigned char>(c))
                   : std::tolower(static_cast<unsigned char>(c)));
    start = !std::isalpha(static_cast<unsigned char>(c));
  }
  return text;
}

std::string replaced(const std::string& text, const std::string& from, const std::string& to) {
  if (from.empty()) return text;
  std::string out;
  std::size_t position = 0;
  for (std::size_t found; (found = text.find(from, position)) != std::string::npos;
       position = found + from.size()) {
    out += text.substr(position, found - position) + to;
    if (out.size() > heaviest_value) template_error("writes too much text");
  }
  return out + text.substr(position);
}

List split(const std::string& text, const Value& separator, const Value& limit) {
  List parts;
  const std::int64_t most = limit.is_number() && limit.number() >= 0 ? limit.integer() : INT64_MAX;
  std::size_t position = 0;
  if (separator.string() && !separator.string()->empty()) {
    for (std::size_t found; std::int64_t(parts.size()) < most &&
                            (found = text.find(*separator.string(), position)) != std::string::npos;
         position = found + separator.string()->size()) {
      parts.emplace_back(text.substr(position, found - position));
      if (parts.size() > most_parts) template_error("splits a text in too many parts");
    }
    parts.emplace_back(text.substr(position));
    return parts;
  }
  while ((position = text.find_first_not_of(blanks, position)) != std::string::npos) {
    const auto end =
        std::int64_t(parts.size()) < most ? text.find_first_of(blanks, position) : std::string::npos;
    parts.emplace_back(text.substr(position, end == std::string::npos ? end : end - position));
    if (end == std::string::npos) break;
    position = end;
    if (parts.size() > most_parts) template_error("splits a text in too many parts");
  }
  return parts;
}

List pairs_of(const Dict& dict) {
  List pairs;
  for (const auto& [key, value] : dict) pairs.emplace_back(List{key, value});
  return pairs;
}

bool affix(const std::string& text, const Value& wanted, bool start) {
  const auto matches = [&](const Value& one) {
    return one.string() && (start ? text.starts_with(*one.string()) : text.ends_with(*one.string()));
  };
  if (const List* any = wanted.list()) return std::any_of(any->begin(), any->end(), matches);
  return matches(wanted);
}

Value string_method(const std::string& text, const std::string& name) {
  const auto method = [&](auto body) {
    return make_function([text, body](const Call& call) -> Value { return body(text, call); });
  };
  if (name == "strip")
    return method([](const auto& s, const Call& c) { return strip(s, c.argument(0, "chars"), true, true); });
  if (name == "lstrip")
    return method([](const auto& s, const Call& c) { return strip(s, c.argument(0, "chars"), true, false); });
  if (name == "rstrip")
    return method([](const auto& s, const Call& c) { return strip(s, c.argument(0, "chars"), false, true); });
  if (name == "upper") return method([](const auto& s, const Call&) { return mapped(s, std::toupper); });
  if (name == "lower") return method([](const auto& s, const Call&) { return mapped(s, std::tolower); });
  if (name == "title") return method([](const auto& s, const Call&) { return titled(s); });
  if (name == "capitalize") return method([](const auto& s, const Call&) { return capitalised(s); });
  if (name == "startswith")
    return method([](const auto& s, const Call& c) { return affix(s, c.argument(0, "prefix"), true); });
  if (name == "endswith")
    return method([](const auto& s, const Call& c) { return affix(s, c.argument(0, "suffix"), false); });
  if (name == "split")
    return method([](const auto& s, const Call& c) {
      return split(s, c.argument(0, "sep"), c.argument(1, "maxsplit"));
    });
  if (name == "replace")
    return method([](const auto& s, const Call& c) {
      return replaced(s, c.argument(0, "old").text(), c.argument(1, "new").text());
    });
  if (name == "find")
    return method([](const auto& s, const Call& c) {
      const auto at = s.find(c.argument(0, "sub").text());
      return at == std::string::npos ? std::int64_t(-1) : std::int64_t(at);
    });
  return {};
}

Value dict_method(const Value& object, const std::string& name) {
  const auto method = [&](auto body) {
    return make_function([object, body](const Call& call) -> Value { return body(*object.dict(), call); });
  };
  if (name == "items") return method([](const Dict& d, const Call&) { return pairs_of(d); });
  if (name == "keys")
    return method([](const Dict& d, const Call&) {
      List keys;
      for (const auto& entry : d) keys.emplace_back(entry.first);
      return keys;
    });
  if (name == "values")
    return method([](const Dict& d, const Call&) {
      List values;
      for (const auto& entry : d) values.push_back(entry.second);
      return values;
    });
  if (name == "get")
    return method([](const Dict& d, const Call& c) {
      const Value* found = find(d, c.argument(0, "key").text());
      const Value fallback = c.argument(1, "default");
      return found ? *found : fallback.is_undefined() ? Value(None{}) : fallback;
    });
  return {};
}

const List& need_list(const Value& value, const std::string& filter) {
  if (!value.list()) template_error("the filter \"" + filter + "\" needs a list, not a " + value.type_name());
  return *value.list();
}

Value length_of(const Value& value) {
  if (const auto* list = value.list()) return std::int64_t(list->size());
  if (const auto* dict = value.dict()) return std::int64_t(dict->size());
  if (const auto* text = value.string()) // characters, not bytes
    return std::int64_t(std::count_if(text->begin(), text->end(),
                                      [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  template_error("a " + std::string(value.type_name()) + " has no length");
}

Value join(const List& items, const std::string& separator) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    out += (i ? separator : "") + items[i].text();
    if (out.size() > heaviest_value) template_error("writes too much text");
  }
  return out;
}

// selectattr and rejectattr: items whose attribute is truthy, or passes a test.
List select(const List& items, const Call& call, bool by_attribute, bool keep) {
  List chosen;
  const std::size_t test_at = by_attribute ? 1 : 0;
  for (const Value& item : items) {
    const Value subject = by_attribute ? get_attribute(item, call.argument(0, "attribute").text()) : item;
    bool passes = subject.truthy();
    if (call.positional.size() > test_at) {
      Call rest;
      rest.positional.assign(call.positional.begin() + std::ptrdiff_t(test_at) + 1, call.positional.end());
      passes = apply_test(call.positional[test_at].text(), subject, rest);
    }
    if (passes == keep) chosen.push_back(item);
  }
  return chosen;
}

List map_items(const List& items, const Call& call) {
  List out;
  const Value attribute = call.argument(SIZE_MAX, "attribute");
  for (const Value& item : items)
    out.push_back(attribute.string() ? get_attribute(item, *attribute.string())
                                     : apply_filter(call.argument(0, "filter").text(), item, {}));
  return out;
}

Value range(const Call& call) {
  const auto number = [&](std::size_t i) { return call.positional[i].integer(); };
  if (call.positional.empty() || call.positional.size() > 3)
    template_error("range needs one to three numbers");
  const std::int64_t begin = call.positional.size() > 1 ? number(0) : 0,
                     end = number(call.positional.size() > 1 ? 1 : 0);
  const std::int64_t step = call.positional.size() > 2 ? number(2) : 1;
  if (step == 0 || std::abs(end - begin) / std::abs(step) > longest_range)
    template_error("a range is too long");
  List numbers;
  for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step) numbers.emplace_back(i);
  return numbers;
}

Value now(const Call& call) {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  localtime_r(&time, &parts);
  char text[128] = {};
  const std::string format = call.argument(0, "format").text();
  const std::size_t length = std::strftime(text, sizeof text, format.c_str(), &parts);
  return std::string(text, length);
}

} // namespace

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

List characters_of(const std::string& text) {
  List characters;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t length = read_utf8(text, position).length;
    characters.emplace_back(text.substr(position, length));
    position += length;
    if (characters.size() > most_parts) template_error("splits a text in too many parts");
  }
  return characters;
}

Value get_attribute(const Value& object, const std::string& name) {
  if (const Dict* dict = object.dict())
    if (const Value* found = find(*dict, name)) return *found;
  if (object.is_undefined()) template_error("\"" + name + "\" is asked of something that is not defined");
  return method_of(object, name);
}

Value get_item(const Value& object, const Value& key) {
  if (const Dict* dict = object.dict()) {
    const Value* found = key.string() ? find(*dict, *key.string()) : nullptr;
    return found ? *found : Value();
  }
  if (object.is_undefined()) template_error("an item is asked of something that is not defined");
  if (!key.is_number()) return {};
  if (const auto* text = object.string(); text && !is_ascii(*text))
    return get_item(characters_of(*text), key);
  auto index = key.integer();
  const auto size = object.list()     ? std::int64_t(object.list()->size())
                    : object.string() ? std::int64_t(object.string()->size())
                                      : 0;
  if (index < 0) index += size;
  if (index < 0 || index >= size) return {};
  return object.list() ? (*object.list())[std::size_t(index)]
                       : Value(std::string(1, (*object.string())[std::size_t(index)]));
}

Value method_of(const Value& object, const std::string& name) {
  if (const auto* text = object.string()) return string_method(*text, name);
  if (object.dict()) return dict_method(object, name);
  return {};
}

Value apply_filter(const std::string& name, const Value& value, const Call& call) {
  if (name == "trim") return strip(value.text(), call.argument(0, "chars"), true, true);
  if (name == "length" || name == "count") return length_of(value);
  if (name == "upper") return mapped(value.text(), std::toupper);
  if (name == "lower") return mapped(value.text(), std::tolower);
  if (name == "title") return titled(value.text());
  if (name == "capitalize") return capitalised(value.text());
  if (name == "string") return value.text();
  if (name == "safe" || name == "e" || name == "escape")
    return value; // chat templates render without autoescape
  if (name == "int")
    return value.string() ? std::int64_t(std::atoll(value.string()->c_str())) : value.integer();
  if (name == "float") return value.string() ? std::atof(value.string()->c_str()) : value.number();
  if (name == "abs")
    return value.get<double>() ? Value(std::abs(value.number())) : Value(std::abs(value.integer()));
  if (name == "tojson") {
    const Value indent = call.argument(SIZE_MAX, "indent");
    return value.json(indent.is_number() ? int(std::clamp(indent.number(), 0.0, 16.0)) : -1);
  }
  if (name == "default" || name == "d") {
    const bool use = value.is_undefined() || (call.argument(1, "boolean").truthy() && !value.truthy());
    return use ? call.argument(0, "default_value") : value;
  }
  if (name == "replace")
    return replaced(value.text(), call.argument(0, "old").text(), call.argument(1, "new").text());
  if (name == "join") return join(need_list(value, name), call.argument(0, "d").text());
  if (name == "first" || name == "last") {
    const List& items = need_list(value, name);
    return items.empty() ? Value() : name == "first" ? items.front() : items.back();
  }
  if (name == "list") {
    if (value.list()) return value;
    if (const Dict* dict = value.dict())
      return get_attribute(*dict, "keys").get<std::shared_ptr<const Callable>>()->get()->function({});
  }
  if (name == "items" && value.dict()) return pairs_of(*value.dict());
  if (name == "list" && value.string()) return characters_of(*value.string());
  if (name == "reverse" && value.list()) return List(value.list()->rbegin(), value.list()->rend());
  if (name == "selectattr" || name == "rejectattr")
    return select(need_list(value, name), call, true, name == "selectattr");
  if (name == "select" || name == "reject")
    return select(need_list(value, name), call, false, name == "select");
  if (name == "map") return map_items(need_list(value, name), call);
  template_error("the filter \"" + name + "\" is not supported");
}

bool apply_test(const std::string& name, const Value& value, const Call& call) {
  const Value other = call.argument(0, "other");
  if (name == "defined") return !value.is_undefined();
  if (name == "undefined") return value.is_undefined();
  if (name == "none") return value.is_none();
  if (name == "string") return value.string() != nullptr;
  if (name == "number") return value.is_number() && !value.get<bool>();
  if (name == "integer") return value.get<std::int64_t>() != nullptr;
  if (name == "boolean") return value.get<bool>() != nullptr;
  if (name == "mapping") return value.dict() != nullptr;
  if (name == "sequence" || name == "iterable") return value.list() || value.string() || value.dict();
  if (name == "callable") return value.get<std::shared_ptr<const Callable>>() != nullptr;
  if (name == "true") return value.get<bool>() && *value.get<bool>();
  if (name == "false") return value.get<bool>() && !*value.get<bool>();
  if (name == "even") return value.integer() % 2 == 0;
  if (name == "odd") return value.integer() % 2 != 0;
  if (name == "divisibleby") return other.integer() != 0 && value.integer() % other.integer() == 0;
  if (name == "equalto" || name == "eq" || name == "sameas") return value.equals(other);
  if (name == "ne") return !value.equals(other);
  if (name == "in" && other.list())
    return std::any_of(other.list()->begin(), other.list()->end(),
                       [&](const Value& each) { return each.equals(value); });
  template_error("the test \"" + name + "\" is not supported");
}

std::map<std::string, Value> global_functions() {
  return {{"range", make_function(range)},
          {"strftime_now", make_function(now)},
          {"namespace", make_function([](const Call& call) -> Value {
             Dict fields;
             for (const auto& [name, value] : call.named) fields.emplace_back(name, value);
             return Value::make_namespace(std::move(fields));
           })},
          {"dict", make_function([](const Call& call) -> Value {
             Dict fields;
             for (const auto& [name, value] : call.named) fields.emplace_back(name, value);
             return fields;
           })},
          {"raise_exception", make_function([](const Call& call) -> Value {
             throw Error(ErrorKind::input, "the model's template refuses this conversation: " +
                                               call.argument(0, "message").text());
           })}};
}

} // namespace intarsia::jinja
