// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The interpreter's expressions.
#include <algorithm>

#include "core/text/jinja/interpreter.h"
#include "core/text/jinja/interpreter_holds.h"

namespace intarsia::jinja {
namespace {

using Kind = Expression::Kind;
constexpr std::size_t letters_a_step = 256;

} // namespace

Value Interpreter::evaluate(const Expression& e) {
  step(e.line);
  const DepthHold depth(depth_);
  Value value = compute(e);
  if (e.kind != Kind::literal && e.kind != Kind::name) charge(value);
  return value;
}

Value Interpreter::compute(const Expression& e) {
  switch (e.kind) {
  case Kind::literal:
    return e.value;
  case Kind::captured:
    return captured_;
  case Kind::name:
    return lookup(e.text);
  case Kind::list:
    return evaluate_all(e);
  case Kind::tuple:
    return Value::sequence(SequenceKind::tuple, evaluate_all(e));
  case Kind::dict:
    return make_dict(e);
  case Kind::attribute:
    return get_attribute(evaluate(*e.operands[0]), e.text);
  case Kind::index: {
    const Value object = evaluate(*e.operands[0]);
    return get_item(object, evaluate(*e.operands[1]));
  }
  case Kind::slice: {
    const Value object = evaluate(*e.operands[0]);
    const auto part = [&](std::size_t i) { return e.operands[i] ? evaluate(*e.operands[i]) : Value(None{}); };
    const Value low = part(1), high = part(2), stride = part(3);
    return slice_of(object, low, high, stride);
  }
  case Kind::call:
    return call(e, nullptr);
  case Kind::filter: {
    const Value value = evaluate(*e.operands[0]);
    charge(value);
    return apply_filter(e.text, value, arguments(e));
  }
  case Kind::test: {
    const Value value = evaluate(*e.operands[0]);
    return apply_test(e.text, value, arguments(e));
  }
  case Kind::unary:
    return unary(e);
  case Kind::binary:
    return binary(e);
  case Kind::compare:
    return compare(e);
  case Kind::condition:
    if (truthy(evaluate(*e.operands[1]))) return evaluate(*e.operands[0]);
    return e.operands[2] ? evaluate(*e.operands[2]) : Value(Undefined{"an if without else"});
  }
  return {};
}

List Interpreter::evaluate_all(const Expression& e) {
  List items;
  for (const auto& operand : e.operands) items.push_back(evaluate(*operand));
  return items;
}

Value Interpreter::make_dict(const Expression& e) {
  Dict dict;
  for (std::size_t i = 0; i + 1 < e.operands.size(); i += 2) {
    const Value key = evaluate(*e.operands[i]);
    jinja::assign(dict, key, evaluate(*e.operands[i + 1]));
  }
  return dict;
}

Call Interpreter::arguments(const Expression& e) {
  Call call;
  for (const Argument& argument : e.arguments) {
    const Value value = evaluate(*argument.value);
    if (argument.stars == 1) {
      const List items = items_of(value);
      call.positional.insert(call.positional.end(), items.begin(), items.end());
    } else if (argument.stars == 2) {
      if (!value.dict()) template_error("\"**\" needs a dictionary, not a " + std::string(value.type_name()));
      for (const auto& [key, item] : *value.dict()) call.named.emplace_back(str(key), item);
    } else if (argument.name.empty()) {
      call.positional.push_back(value);
    } else {
      call.named.emplace_back(argument.name, value);
    }
  }
  return call;
}

Value Interpreter::call(const Expression& e, const Value* caller) {
  const Expression& target = *e.operands[0];
  Value function;
  if (target.kind == Kind::attribute) { // a method of the value, called without making a function of it
    const Value object = evaluate(*target.operands[0]);
    if (!object.object() && !object.is_undefined()) {
      const Call given = arguments(e);
      charge(object);
      if (auto result = call_method(object, target.text, given)) return *result;
    }
    function = get_attribute(object, target.text);
  } else {
    function = evaluate(target);
  }
  if (const auto* undefined = function.get<Undefined>(); undefined && undefined->unsafe)
    template_error("\"" + undefined->name + "\" is not allowed in a template");
  if (!function.object() || !function.object()->callable())
    template_error("\"" + target.text + "\" is not a function this program knows");
  Call given = arguments(e);
  if (caller) given.named.emplace_back("caller", *caller);
  return function.object()->call(given);
}

Value Interpreter::unary(const Expression& e) {
  const Value value = evaluate(*e.operands[0]);
  const Operator op = e.operators[0];
  if (op == Operator::logical_not) return !truthy(value);
  if (!value.is_number()) template_error("a sign needs a number, not a " + std::string(value.type_name()));
  if (op == Operator::plus) return value.get<bool>() ? Value(value.integer()) : value;
  return value.get<double>() ? Value(-value.number()) : operate(Operator::subtract, std::int64_t(0), value);
}

Value Interpreter::binary(const Expression& e) {
  const Operator op = e.operators[0];
  const Value left = evaluate(*e.operands[0]);
  if (op == Operator::logical_and) return truthy(left) ? evaluate(*e.operands[1]) : left;
  if (op == Operator::logical_or) return truthy(left) ? left : evaluate(*e.operands[1]);
  const Value right = evaluate(*e.operands[1]);
  steps_ += std::min(left.weight(), right.weight()) / letters_a_step;
  return operate(op, left, right);
}

Value Interpreter::compare(const Expression& e) {
  Value left = evaluate(*e.operands[0]);
  for (std::size_t i = 0; i < e.operators.size(); ++i) {
    Value right = evaluate(*e.operands[i + 1]);
    steps_ += std::max(left.weight(), right.weight()) / letters_a_step / 16 +
              std::min(left.weight(), right.weight()) / letters_a_step;
    if (!holds(e.operators[i], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

} // namespace intarsia::jinja
