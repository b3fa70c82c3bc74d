// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How calls bind their arguments, and the functions that every template has.
#include "core/text/jinja/functions.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/text/unicode.h"

namespace intarsia::jinja {
namespace {

constexpr std::int64_t max_range = 100'000;
constexpr std::size_t max_format = 256, max_dict_entries = 5000; // keys are searched one by one

class NativeFunction : public Object {
 public:
  NativeFunction(const char* name, std::function<Value(const Call&)> function)
      : name_(name)
      , function_(std::move(function)) {}
  const char* type_name() const override { return "function"; }
  bool callable() const override { return true; }
  Value call(const Call& call) override { return function_(call); }
  Value attribute(const std::string& name) override { return Undefined{name, name.starts_with("_")}; }

 private:
  const char* name_;
  std::function<Value(const Call&)> function_;
};

class Namespace : public Object {
 public:
  explicit Namespace(Dict fields)
      : fields_(std::move(fields)) {}
  const char* type_name() const override { return "namespace"; }
  bool holds_fields() const override { return true; }
  Value attribute(const std::string& name) override {
    const Value* found = find(fields_, name);
    return found ? *found : Value(Undefined{name});
  }
  bool set_attribute(const std::string& name, const Value& value) override {
    if (value.object() && value.object()->holds_fields())
      template_error("a namespace cannot hold another one");
    assign(fields_, name, value);
    return true;
  }

 private:
  Dict fields_;
};

// joiner(", "): nothing at the first call, the separator at every further one.
class Joiner : public Object {
 public:
  explicit Joiner(std::string separator)
      : separator_(std::move(separator)) {}
  const char* type_name() const override { return "joiner"; }
  bool callable() const override { return true; }
  Value call(const Call&) override { return std::exchange(used_, true) ? separator_ : std::string(); }

 private:
  std::string separator_;
  bool used_ = false;
};

class Cycler : public Object {
 public:
  explicit Cycler(List items)
      : items_(std::move(items)) {}
  const char* type_name() const override { return "cycler"; }
  Value attribute(const std::string& name) override {
    const Value current = items_.list()->at(at_);
    if (name == "current") return current;
    if (name == "next")
      return bound_function<Cycler>(*this, [](Cycler& self, const Call&) { return self.next(); });
    if (name == "reset")
      return bound_function<Cycler>(*this, [](Cycler& self, const Call&) {
        self.at_ = 0;
        return Value(None{});
      });
    return Undefined{name};
  }
  Value next() {
    const Value current = items_.list()->at(at_);
    at_ = (at_ + 1) % items_.list()->size();
    return current;
  }

 private:
  Value items_;
  std::size_t at_ = 0;
};

Value range(const Call& call) {
  const auto number = [&](std::size_t i) {
    if (!call.positional[i].is_whole()) template_error("range needs whole numbers");
    return call.positional[i].integer();
  };
  if (call.positional.empty() || call.positional.size() > 3 || !call.named.empty())
    template_error("range needs one to three numbers");
  const std::int64_t begin = call.positional.size() > 1 ? number(0) : 0,
                     end = number(call.positional.size() > 1 ? 1 : 0);
  const std::int64_t step = call.positional.size() > 2 ? number(2) : 1;
  if (step == 0 || std::abs(end - begin) / std::abs(step) > max_range) template_error("a range is too long");
  List numbers;
  for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step) numbers.emplace_back(i);
  return Value::sequence(SequenceKind::range, std::move(numbers));
}

// dict() and namespace(): of a dictionary or of pairs, and of named arguments.
Dict fields_of(const Call& call) {
  Dict fields;
  if (call.positional.size() > 1) template_error("dict takes one mapping");
  if (!call.positional.empty()) {
    const Value& source = call.positional[0];
    if (source.dict()) {
      fields = *source.dict();
    } else {
      for (const Value& pair : items_of(source)) {
        if (!pair.list() || pair.list()->size() != 2) template_error("dict needs pairs");
        if (fields.size() >= max_dict_entries) template_error("a dictionary is too large");
        assign(fields, (*pair.list())[0], (*pair.list())[1]);
      }
    }
  }
  for (const auto& [name, value] : call.named) assign(fields, name, value);
  return fields;
}

// In English whatever the program's locale is. `now`: the time; absent: the clock's.
Value strftime_now(const Call& call, std::optional<std::time_t> now) {
  constexpr const char* parameters[] = {"format"};
  const std::string format = Arguments(call, parameters, "strftime_now").text(0);
  if (format.size() > max_format) template_error("a format of strftime_now is too long");
  const std::time_t time = now ? *now : std::time(nullptr);
  std::tm parts{};
  localtime_r(&time, &parts);
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text << std::put_time(&parts, format.c_str());
  return text.str();
}

template <typename Number>
bool read_all(std::string_view text, Number& number, int base) {
  if constexpr (std::is_floating_point_v<Number>) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc() && end == text.data() + text.size();
  }
}

// Without white space, a leading plus and underscores between digits; nothing when an underscore is
// misplaced.
std::optional<std::string> bare_number(std::string_view text) {
  std::u32string characters = to_code_points(text);
  while (!characters.empty() && is_python_space(characters.back())) characters.pop_back();
  characters.erase(characters.begin(),
                   std::find_if_not(characters.begin(), characters.end(), is_python_space));
  std::string out;
  for (std::size_t i = 0; i < characters.size(); ++i) {
    const auto is_alnum = [&](std::size_t at) {
      return at < characters.size() && characters[at] < 0x80 && std::isalnum(int(characters[at]));
    };
    if (characters[i] == '_') {
      if (i == 0 || !is_alnum(i - 1) || !is_alnum(i + 1)) return std::nullopt;
      continue;
    }
    if (characters[i] >= 0x80) return std::nullopt;
    out += char(characters[i]);
  }
  if (out.starts_with('+')) out.erase(0, 1);
  if (out.starts_with('+') || out.empty()) return std::nullopt;
  return out;
}

} // namespace

const Value* Call::find_named(std::string_view name) const {
  for (const auto& [key, value] : named)
    if (key == name) return &value;
  return nullptr;
}

Arguments::Arguments(const Call& call, std::span<const char* const> parameters, std::string_view function)
    : call_(call)
    , function_(function) {
  const bool open = !parameters.empty() && std::string_view(parameters.back()) == "*";
  const std::size_t known = parameters.size() - (open ? 1 : 0);
  values_.resize(known);
  if (call.positional.size() > known && !open)
    template_error("\"" + std::string(function) + "\" takes at most " + std::to_string(known) + " arguments");
  for (std::size_t i = 0; i < std::min(known, call.positional.size()); ++i) values_[i] = call.positional[i];
  for (const auto& [name, value] : call.named) {
    std::size_t at = 0;
    while (at < known && name != parameters[at]) ++at;
    if (at < known && at >= call.positional.size())
      values_[at] = value;
    else if (!open)
      template_error("\"" + std::string(function) + "\" has no argument \"" + name + "\"");
  }
}

const Value& Arguments::operator[](std::size_t i) const {
  static const Value missing;
  return i < values_.size() ? values_[i] : missing;
}

std::string Arguments::text(std::size_t i, const std::string& fallback) const {
  return given(i) ? str(values_[i]) : fallback;
}

std::int64_t Arguments::integer(std::size_t i, std::int64_t fallback) const {
  if (!given(i)) return fallback;
  if (!values_[i].is_number()) template_error("\"" + std::string(function_) + "\" needs a number");
  return values_[i].integer();
}

bool Arguments::truthy(std::size_t i, bool fallback) const {
  return given(i) ? jinja::truthy(values_[i]) : fallback;
}

Value make_function(const char* name, std::function<Value(const Call&)> function) {
  return std::shared_ptr<Object>(std::make_shared<NativeFunction>(name, std::move(function)));
}

Value make_namespace(Dict fields) {
  return std::shared_ptr<Object>(std::make_shared<Namespace>(std::move(fields)));
}

std::map<std::string, Value> global_functions(std::optional<std::time_t> time) {
  return {
      {"range", make_function("range", range)},
      {"strftime_now",
       make_function("strftime_now", [time](const Call& call) { return strftime_now(call, time); })},
      {"namespace",
       make_function("namespace", [](const Call& call) { return make_namespace(fields_of(call)); })},
      {"dict", make_function("dict", [](const Call& call) -> Value { return fields_of(call); })},
      {"joiner", make_function("joiner",
                               [](const Call& call) -> Value {
                                 constexpr const char* parameters[] = {"sep"};
                                 const Arguments a(call, parameters, "joiner");
                                 return std::shared_ptr<Object>(std::make_shared<Joiner>(a.text(0, ", ")));
                               })},
      {"cycler", make_function("cycler",
                               [](const Call& call) -> Value {
                                 if (call.positional.empty()) template_error("a cycler needs an item");
                                 return std::shared_ptr<Object>(std::make_shared<Cycler>(call.positional));
                               })},
      {"lipsum",
       make_function("lipsum", [](const Call&) -> Value { template_error("lipsum writes random text"); })},
      {"raise_exception", make_function("raise_exception",
                                        [](const Call& call) -> Value {
                                          constexpr const char* parameters[] = {"message"};
                                          throw Error(
                                              ErrorKind::input,
                                              "the model's template refuses this conversation: " +
                                                  Arguments(call, parameters, "raise_exception").text(0));
                                        })},
  };
}

std::optional<std::int64_t> parse_integer(std::string_view text, int base) {
  auto bare = bare_number(text);
  if (!bare) return std::nullopt;
  const bool negative = bare->starts_with('-');
  std::string digits = bare->substr(negative ? 1 : 0);
  const auto prefix = [&](char letter) {
    return digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == letter;
  };
  for (const auto& [letter, radix] : {std::pair{'x', 16}, {'o', 8}, {'b', 2}})
    if (prefix(letter) && (base == radix || base == 0)) {
      digits.erase(0, 2);
      base = radix;
    }
  if (base == 0) base = 10;
  std::int64_t value = 0;
  if (base < 2 || base > 36 || digits.starts_with('-') || !read_all(digits, value, base)) return std::nullopt;
  return negative ? -value : value;
}

std::optional<double> parse_float(std::string_view text) {
  const auto bare = bare_number(text);
  double value = 0;
  if (!bare || !read_all(*bare, value, 10)) return std::nullopt;
  return value;
}

} // namespace intarsia::jinja
