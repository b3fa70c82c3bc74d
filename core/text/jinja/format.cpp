// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Python's two ways to fill in a text: "%s" % value and "{}".format(value).
#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/jinja/functions.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace intarsia::jinja {
namespace {

constexpr std::int64_t widest = 4096; // fields and precisions

// [[fill]align][sign][#][0][width][,][.precision][type]
struct FieldFormat {
  std::string fill = " ";
  char align = 0, sign = 0, type = 0; // 0: not given
  bool alternate = false, thousands = false;
  std::int64_t width = 0, precision = -1;
};

std::string digits_of(double value, std::chars_format style, std::int64_t precision) {
  char buffer[widest + 400];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value, style, int(precision)).ptr};
}

std::string integer_digits(std::uint64_t value, int base) {
  char buffer[72];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value, base).ptr};
}

std::string real_digits(double value, const FieldFormat& format) {
  const std::int64_t precision = format.precision < 0 ? 6 : format.precision;
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : "inf";
  switch (format.type | 0x20) {
  case 'e':
    return digits_of(value, std::chars_format::scientific, precision);
  case 'f':
    return digits_of(value, std::chars_format::fixed, precision);
  case '%' | 0x20:
    return digits_of(value * 100, std::chars_format::fixed, precision) + "%";
  case 'g':
    return digits_of(value, std::chars_format::general, std::max<std::int64_t>(precision, 1));
  default:
    return format.precision < 0 ? float_text(value) : digits_of(value, std::chars_format::general, precision);
  }
}

void group_thousands(std::string& digits) {
  const std::size_t end = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (std::size_t at = end; at > 3; at -= 3) digits.insert(at - 3, ",");
}

std::string number_text(const Value& value, const FieldFormat& format) {
  const bool real = value.get<double>() ||
                    (format.type && std::string_view("eEfFgG%").find(format.type) != std::string_view::npos);
  const double number = value.number();
  const bool negative = real ? std::signbit(number) && !std::isnan(number) : number < 0;
  std::string digits, prefix;
  if (real) {
    digits = real_digits(std::abs(number), format);
  } else {
    const std::int64_t whole = value.get<bool>() ? std::int64_t(number) : *value.get<std::int64_t>();
    const std::uint64_t size = whole < 0 ? ~std::uint64_t(whole) + 1 : std::uint64_t(whole);
    const int base = (format.type | 0x20) == 'x' ? 16 : format.type == 'o' ? 8 : format.type == 'b' ? 2 : 10;
    digits = integer_digits(size, base);
    if (format.alternate && base != 10)
      prefix = std::string("0") + (base == 16 ? format.type : base == 8 ? 'o' : 'b');
  }
  if (format.type == 'X' || format.type == 'E' || format.type == 'G' || format.type == 'F')
    digits = to_upper(digits);
  if (format.thousands) group_thousands(digits);
  const std::string sign = negative ? "-" : format.sign == '+' ? "+" : format.sign == ' ' ? " " : "";
  std::string text = sign + prefix + digits;
  if (format.align == '=') { // blanks between the sign and the digits
    const auto size = std::int64_t(count_characters(text));
    std::string fill;
    for (std::int64_t i = size; i < format.width; ++i) fill += format.fill;
    text = sign + prefix + fill + digits;
  }
  return text;
}

std::string aligned(const std::string& text, const FieldFormat& format, char default_align) {
  const char align = format.align ? format.align : default_align;
  const auto size = std::int64_t(count_characters(text));
  if (size >= format.width || align == '=') return text;
  const std::int64_t room = format.width - size, left = align == '>' ? room : align == '^' ? room / 2 : 0;
  std::string out;
  for (std::int64_t i = 0; i < left; ++i) out += format.fill;
  out += text;
  for (std::int64_t i = left; i < room; ++i) out += format.fill;
  return out;
}

std::string cut(const std::string& text, std::int64_t precision) {
  return precision < 0 ? text : to_utf8(to_code_points(text).substr(0, std::size_t(precision)));
}

std::int64_t read_number(std::string_view text, std::size_t& at) {
  std::int64_t number = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    number = number * 10 + (text[at++] - '0');
    if (number > widest) template_error("a format asks for too wide a field");
  }
  return number;
}

FieldFormat parse_field_format(const std::string& spec) {
  FieldFormat format;
  std::size_t at = 0;
  const auto is_align = [&](std::size_t i) {
    return i < spec.size() && std::string_view("<>^=").find(spec[i]) != std::string_view::npos;
  };
  if (!spec.empty()) {
    const std::size_t first = read_utf8(spec, 0).length;
    if (is_align(first)) {
      format.fill = spec.substr(0, first);
      format.align = spec[first];
      at = first + 1;
    } else if (is_align(0)) {
      format.align = spec[at++];
    }
  }
  if (at < spec.size() && std::string_view("+- ").find(spec[at]) != std::string_view::npos)
    format.sign = spec[at++];
  if (at < spec.size() && spec[at] == '#') format.alternate = ++at > 0;
  if (at < spec.size() && spec[at] == '0') {
    ++at;
    if (!format.align) {
      format.align = '=';
      format.fill = "0";
    }
  }
  format.width = read_number(spec, at);
  if (at < spec.size() && spec[at] == ',') format.thousands = ++at > 0;
  if (at < spec.size() && spec[at] == '.') format.precision = read_number(spec, ++at);
  if (at < spec.size()) format.type = spec[at++];
  if (at < spec.size() ||
      (format.type && std::string_view("bdoxXeEfFgGs%").find(format.type) == std::string_view::npos))
    template_error("the format \"" + spec + "\" is not supported");
  return format;
}

std::string formatted(const Value& value, const std::string& spec) {
  const FieldFormat format = parse_field_format(spec);
  if (spec.empty()) return str(value);
  if (value.is_number() && format.type != 's') return aligned(number_text(value, format), format, '>');
  if (format.type && format.type != 's')
    template_error("the format \"" + spec + "\" does not fit a " + std::string(value.type_name()));
  return aligned(cut(str(value), format.precision), format, '<');
}

class PercentFormatter {
 public:
  PercentFormatter(const std::string& format, const Value& arguments)
      : format_(format)
      , arguments_(arguments) {}

  std::string run() {
    std::string out;
    while (at_ < format_.size()) {
      if (format_[at_] != '%') {
        out += format_[at_++];
        continue;
      }
      ++at_;
      out += directive();
      if (out.size() > max_value_weight) template_error("writes too much text");
    }
    const bool all = by_name_ || !is_tuple() || used_ >= arguments_.list()->size();
    if (!all || (!is_tuple() && !by_name_ && used_ == 0 && !arguments_.dict()))
      template_error("\"%\" has more values than its text has places");
    return out;
  }

 private:
  bool is_tuple() const { return arguments_.list() && arguments_.kind() == SequenceKind::tuple; }
  char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  Value next() {
    if (is_tuple() ? used_ >= arguments_.list()->size() : used_ > 0)
      template_error("\"%\" has fewer values than its text has places");
    ++used_;
    return is_tuple() ? (*arguments_.list())[used_ - 1] : arguments_;
  }

  std::int64_t field_number() {
    if (peek() != '*') return read_number(format_, at_);
    ++at_;
    const Value width = next();
    if (!width.is_whole() || width.integer() > widest) template_error("a format asks for too wide a field");
    return width.integer();
  }

  std::string directive() {
    Value named;
    if (peek() == '(') {
      const auto end = format_.find(')', at_);
      if (end == std::string::npos || !arguments_.dict()) template_error("\"%(\" needs a name and a mapping");
      named = get_item(arguments_, format_.substr(at_ + 1, end - at_ - 1));
      by_name_ = true;
      at_ = end + 1;
    }
    FieldFormat field;
    field.align = '>';
    for (; std::string_view("-+ #0").find(peek()) != std::string_view::npos && peek(); ++at_) {
      if (peek() == '-') field.align = '<';
      if (peek() == '+' || (peek() == ' ' && !field.sign)) field.sign = peek();
      if (peek() == '#') field.alternate = true;
      if (peek() == '0' && field.align != '<') {
        field.align = '=';
        field.fill = "0";
      }
    }
    field.width = field_number();
    if (peek() == '.') {
      ++at_;
      field.precision = field_number();
    }
    const char type = peek();
    ++at_;
    if (type == '%') return "%";
    return converted(type, by_name_ ? named : next(), field);
  }

  static std::string converted(char type, const Value& value, FieldFormat field) {
    if (type == 's' || type == 'r' || type == 'a') {
      if (field.align == '=') field.align = '>';
      field.fill = " ";
      return aligned(cut(type == 's' ? str(value) : repr(value), field.precision), field, '>');
    }
    if (type == 'c') {
      std::string text = value.string() ? *value.string() : std::string();
      if (value.is_whole())
        append_utf8(char32_t(std::clamp<std::int64_t>(value.integer(), 0, 0x10FFFF)), text);
      return aligned(text, field, '>');
    }
    if (!type || std::string_view("diouxXeEfFgG").find(type) == std::string_view::npos)
      template_error(std::string("\"%") + type + "\" is not a format");
    if (!value.is_number())
      template_error(std::string("\"%") + type + "\" needs a number, not a " + value.type_name());
    const bool whole = std::string_view("diouxX").find(type) != std::string_view::npos;
    field.type = type == 'i' || type == 'u' ? 'd' : type;
    if (!whole) return aligned(number_text(value.number(), field), field, '>');
    if (value.get<double>() && (type != 'd' && type != 'i' && type != 'u'))
      template_error(std::string("\"%") + type + "\" needs a whole number");
    return aligned(number_text(value.get<double>() ? Value(value.integer()) : value, field), field, '>');
  }

  const std::string& format_;
  const Value& arguments_;
  std::size_t at_ = 0, used_ = 0;
  bool by_name_ = false;
};

// The value that "0", "name", "a.b" or "a[0]" stands for.
Value field_value(std::string_view field, const Call& call, std::size_t& next) {
  const std::size_t end = std::min(field.find_first_of(".["), field.size());
  const std::string name(field.substr(0, end));
  const auto index =
      name.empty() ? std::optional<std::int64_t>(std::int64_t(next++)) : parse_integer(name, 10);
  const Value* named = index ? nullptr : call.find_named(name);
  if (index ? *index < 0 || std::size_t(*index) >= call.positional.size() : !named)
    template_error("format has no argument \"" + name + "\"");
  Value value = index ? call.positional[std::size_t(*index)] : *named;
  for (std::size_t at = end; at < field.size();) {
    const bool attribute = field[at] == '.';
    const std::size_t stop =
        std::min(attribute ? field.find_first_of(".[", at + 1) : field.find(']', at), field.size());
    const std::string part(field.substr(at + 1, stop - at - 1));
    const auto item = parse_integer(part, 10);
    value = attribute ? get_attribute(value, part) : item ? get_item(value, *item) : get_item(value, part);
    at = stop + (attribute ? 0 : 1);
  }
  return value;
}

} // namespace

std::string percent_format(const std::string& format, const Value& arguments) {
  return PercentFormatter(format, arguments).run();
}

std::string brace_format(const std::string& format, const Call& call) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < format.size();) {
    const char c = format[at];
    if ((c == '{' || c == '}') && at + 1 < format.size() && format[at + 1] == c) {
      out += c;
      at += 2;
    } else if (c == '{') {
      const auto end = format.find('}', at);
      if (end == std::string::npos) template_error("a format's \"{\" is not closed");
      std::string field = format.substr(at + 1, end - at - 1), spec;
      if (const auto colon = field.find(':'); colon != std::string::npos) {
        spec = field.substr(colon + 1);
        field.resize(colon);
      }
      const bool as_repr = field.ends_with("!r"), as_text = field.ends_with("!s");
      if (as_repr || as_text) field.resize(field.size() - 2);
      const Value value = field_value(field, call, next);
      out += formatted(as_repr ? Value(repr(value)) : as_text ? Value(str(value)) : value, spec);
      at = end + 1;
    } else if (c == '}') {
      template_error("a format has a single \"}\"");
    } else {
      out += c;
      ++at;
    }
    if (out.size() > max_value_weight) template_error("writes too much text");
  }
  return out;
}

} // namespace intarsia::jinja
