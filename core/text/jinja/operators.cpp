// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Python's operators on values.
#include <cmath>
#include <utility>

#include "core/text/jinja/interpreter.h"

namespace intarsia::jinja {
namespace {

const char* symbol_of(Operator op) {
  switch (op) {
  case Operator::add:
    return "+";
  case Operator::subtract:
    return "-";
  case Operator::multiply:
    return "*";
  case Operator::divide:
    return "/";
  case Operator::floor_divide:
    return "//";
  case Operator::modulo:
    return "%";
  case Operator::power:
    return "**";
  default:
    return "an operator";
  }
}

std::string joined(const std::string& left, const std::string& right) {
  if (left.size() + right.size() > max_value_weight) template_error("writes too much text");
  return left + right;
}

Value repeated(const Value& what, std::int64_t times) {
  const std::size_t weight = what.string() ? what.string()->size() : what.weight();
  if (times > 0 && weight > max_value_weight / std::size_t(times)) template_error("writes too much text");
  if (const auto* text = what.string()) {
    std::string out;
    for (std::int64_t i = 0; i < times; ++i) out += *text;
    return out;
  }
  List out;
  for (std::int64_t i = 0; i < times; ++i) out.insert(out.end(), what.list()->begin(), what.list()->end());
  return Value::sequence(what.kind(), std::move(out));
}

bool is_repeatable(const Value& value) {
  return value.string() ||
         (value.list() && (value.kind() == SequenceKind::list || value.kind() == SequenceKind::tuple));
}

Value power(const Value& left, const Value& right) {
  if (!left.is_whole() || !right.is_whole() || right.integer() < 0) {
    if (left.number() == 0 && right.number() < 0) template_error("division by zero");
    return std::pow(left.number(), right.number());
  }
  std::int64_t result = 1, base = left.integer();
  for (std::int64_t exponent = right.integer(); exponent > 0; exponent >>= 1) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
      template_error("a number grows too large");
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) template_error("a number grows too large");
  }
  return result;
}

Value whole_arithmetic(Operator op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  if (b == -1 &&
      (op == Operator::floor_divide || op == Operator::modulo)) { // the least number has no opposite
    if (op == Operator::modulo) return std::int64_t(0);
    op = Operator::subtract;
    b = std::exchange(a, 0);
  }
  switch (op) {
  case Operator::add:
    overflow = __builtin_add_overflow(a, b, &result);
    break;
  case Operator::subtract:
    overflow = __builtin_sub_overflow(a, b, &result);
    break;
  case Operator::multiply:
    overflow = __builtin_mul_overflow(a, b, &result);
    break;
  case Operator::floor_divide:
    result = a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
    break;
  default: // modulo, with the sign of the divisor
    result = a % b;
    if (result != 0 && (result < 0) != (b < 0)) result += b;
  }
  if (overflow) template_error("a number grows too large");
  return result;
}

Value real_arithmetic(Operator op, double a, double b) {
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  switch (op) {
  case Operator::add:
    return a + b;
  case Operator::subtract:
    return a - b;
  case Operator::multiply:
    return a * b;
  case Operator::floor_divide:
    return std::round((a - remainder) / b);
  default:
    return remainder;
  }
}

} // namespace

Value operate(Operator op, const Value& left, const Value& right) {
  if (op == Operator::concatenate) return joined(str(left), str(right));
  if (op == Operator::add && left.string() && right.string()) return joined(*left.string(), *right.string());
  if (op == Operator::add && left.list() && right.list() && left.kind() == right.kind() &&
      is_repeatable(left)) {
    List items = *left.list();
    items.insert(items.end(), right.list()->begin(), right.list()->end());
    return Value::sequence(left.kind(), std::move(items));
  }
  if (op == Operator::multiply && is_repeatable(left) && right.is_whole())
    return repeated(left, right.integer());
  if (op == Operator::multiply && is_repeatable(right) && left.is_whole())
    return repeated(right, left.integer());
  if (op == Operator::modulo && left.string()) return percent_format(*left.string(), right);
  for (const Value* value : {&left, &right})
    if (const auto* undefined = value->get<Undefined>())
      template_error("\"" + std::string(symbol_of(op)) + "\" needs \"" + undefined->name +
                     "\", which is not defined");
  if (!left.is_number() || !right.is_number())
    template_error("\"" + std::string(symbol_of(op)) + "\" does not work between a " + left.type_name() +
                   " and a " + right.type_name());
  const bool divides = op == Operator::divide || op == Operator::floor_divide || op == Operator::modulo;
  if (divides && right.number() == 0) template_error("division by zero");
  if (op == Operator::divide) return left.number() / right.number();
  if (op == Operator::power) return power(left, right);
  if (left.get<double>() || right.get<double>()) return real_arithmetic(op, left.number(), right.number());
  const auto whole = [](const Value& value) {
    return value.get<std::int64_t>() ? *value.get<std::int64_t>() : value.integer();
  };
  return whole_arithmetic(op, whole(left), whole(right));
}

bool holds(Operator comparison, const Value& left, const Value& right) {
  switch (comparison) {
  case Operator::equal:
    return equal(left, right);
  case Operator::unequal:
    return !equal(left, right);
  case Operator::in:
    return contains(right, left);
  case Operator::not_in:
    return !contains(right, left);
  case Operator::less:
    return less(left, right);
  case Operator::greater:
    return less(right, left);
  case Operator::at_most:
    return less(left, right) || (!less(right, left) && equal(left, right));
  default:
    return less(right, left) || (!less(left, right) && equal(left, right));
  }
}

} // namespace intarsia::jinja
