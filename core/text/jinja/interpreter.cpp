// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/text/jinja/interpreter.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace intarsia::jinja {
namespace {

using Kind = Expression::Kind;
constexpr std::size_t most_steps = 2'000'000, longest_output = std::size_t(16) << 20;
constexpr std::size_t letters_a_step = 256, items_a_step = 16; // what long values cost
constexpr int deepest = 600; // statements and expressions under way, inside macros too: bounds the stack

enum class Flow { normal, stop, next };

class Interpreter {
 public:
  explicit Interpreter(std::map<std::string, Value> variables) { scopes_.push_back(std::move(variables)); }

  std::string run(const Body& body) {
    execute(body);
    return std::move(output_);
  }

 private:
  using Scope = std::map<std::string, Value>;

  void step(int line) {
    line_ = line ? line : line_;
    if (++steps_ > most_steps) template_error("takes too many steps");
    if (output_.size() > longest_output) template_error("writes too much text");
  }

  struct Depth {
    explicit Depth(int& count)
        : depth(count) {
      if (++depth > deepest) template_error("nests or recurses too deeply");
    }
    ~Depth() { --depth; }
    int& depth;
  };

  // Work on a long value counts as many steps.
  void charge(const Value& value) {
    if (const auto* text = value.string()) steps_ += text->size() / letters_a_step;
    if (const auto* items = value.list()) steps_ += items->size() / items_a_step;
  }

  Value lookup(const std::string& name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
      if (const auto found = scope->find(name); found != scope->end()) return found->second;
    return {};
  }

  // --- statements ---

  Flow execute(const Body& body) {
    for (const Statement& statement : body)
      if (const Flow flow = execute(statement); flow != Flow::normal) return flow;
    return Flow::normal;
  }

  Flow execute(const Statement& statement) {
    try {
      step(statement.line);
      const Depth depth(depth_);
      return dispatch(statement);
    } catch (const Error& error) {
      const std::string sentence = error.what();
      if (sentence.starts_with("chat template")) throw;
      throw Error(error.kind(), "chat template, line " + std::to_string(line_) + ": " + sentence);
    }
  }

  Flow dispatch(const Statement& statement) {
    switch (statement.kind) {
    case Statement::Kind::text:
      output_ += statement.text;
      break;
    case Statement::Kind::output:
      output(evaluate(*statement.expression).text());
      break;
    case Statement::Kind::condition:
      return execute(evaluate(*statement.expression).truthy() ? statement.body : statement.otherwise);
    case Statement::Kind::loop:
      run_loop(statement);
      break;
    case Statement::Kind::assign:
      assign_names(statement, evaluate(*statement.expression));
      break;
    case Statement::Kind::capture:
      assign_names(statement, capture(statement.body));
      break;
    case Statement::Kind::macro:
      scopes_.back()[statement.text] = make_macro(statement);
      break;
    case Statement::Kind::stop:
      return Flow::stop;
    case Statement::Kind::next:
      return Flow::next;
    case Statement::Kind::block:
      return execute(statement.body);
    }
    return Flow::normal;
  }

  void output(const std::string& text) {
    steps_ += text.size() / letters_a_step;
    output_ += text;
  }

  Value capture(const Body& body) {
    std::string outer = std::move(output_);
    output_.clear();
    execute(body);
    std::string inner = std::move(output_);
    output_ = std::move(outer);
    return inner;
  }

  void assign_names(const Statement& statement, const Value& value) {
    if (!statement.text.empty()) { // namespace.attribute
      const Value object = lookup(statement.names[0]);
      if (!object.is_namespace()) template_error("\"" + statement.names[0] + "\" is no namespace");
      if (value.is_namespace()) template_error("a namespace cannot hold another one");
      return assign(*object.dict(), statement.text, value);
    }
    bind(statement.names, value);
  }

  void bind(const std::vector<std::string>& names, const Value& value) {
    if (names.size() == 1) {
      scopes_.back()[names[0]] = value;
      return;
    }
    const List* items = value.list();
    if (!items || items->size() != names.size())
      template_error("cannot unpack a " + std::string(value.type_name()));
    for (std::size_t i = 0; i < names.size(); ++i) scopes_.back()[names[i]] = (*items)[i];
  }

  List items_of(const Value& value) const {
    if (const List* items = value.list()) return *items;
    List keys;
    if (const Dict* dict = value.dict()) {
      for (const auto& entry : *dict) keys.emplace_back(entry.first);
      return keys;
    }
    if (value.is_undefined()) return {};
    if (const auto* text = value.string()) return characters_of(*text);
    template_error("cannot loop over a " + std::string(value.type_name()));
  }

  void run_loop(const Statement& loop) {
    List items = items_of(evaluate(*loop.expression));
    steps_ += items.size() / items_a_step;
    scopes_.emplace_back();
    if (loop.filter)
      std::erase_if(items, [&](const Value& item) {
        bind(loop.names, item);
        return !evaluate(*loop.filter).truthy();
      });
    const auto count = std::int64_t(items.size());
    for (std::int64_t i = 0; i < count; ++i) {
      step(loop.line);
      scopes_.back().clear(); // what one round sets is gone in the next
      scopes_.back()["loop"] = loop_variable(items, i);
      bind(loop.names, items[std::size_t(i)]);
      if (execute(loop.body) == Flow::stop) break;
    }
    scopes_.pop_back();
    if (items.empty()) execute(loop.otherwise);
  }

  static Value loop_variable(const List& items, std::int64_t i) {
    const auto count = std::int64_t(items.size());
    Dict loop{{"index", i + 1},        {"index0", i},
              {"revindex", count - i}, {"revindex0", count - i - 1},
              {"first", i == 0},       {"last", i + 1 == count},
              {"length", count}};
    loop.emplace_back("previtem", i > 0 ? items[std::size_t(i - 1)] : Value());
    loop.emplace_back("nextitem", i + 1 < count ? items[std::size_t(i + 1)] : Value());
    return loop;
  }

  Value make_macro(const Statement& macro) {
    return make_function([this, &macro](const Call& call) {
      Scope scope;
      for (std::size_t i = 0; i < macro.names.size(); ++i) {
        Value value = call.argument(i, macro.names[i]);
        if (value.is_undefined() && macro.defaults[i]) value = evaluate(*macro.defaults[i]);
        scope[macro.names[i]] = value;
      }
      scopes_.push_back(std::move(scope));
      Value text = capture(macro.body);
      scopes_.pop_back();
      return text;
    });
  }

  // --- expressions ---

  Value evaluate(const Expression& e) {
    step(e.line);
    const Depth depth(depth_);
    Value value = compute(e);
    if (e.kind != Kind::literal && e.kind != Kind::name) charge(value);
    return value;
  }

  Value compute(const Expression& e) {
    switch (e.kind) {
    case Kind::literal:
      return e.value;
    case Kind::name:
      return lookup(e.text);
    case Kind::list:
      return make_list(e);
    case Kind::dict:
      return make_dict(e);
    case Kind::attribute:
      return get_attribute(evaluate(*e.operands[0]), e.text);
    case Kind::index:
      return get_item(evaluate(*e.operands[0]), evaluate(*e.operands[1]));
    case Kind::slice:
      return slice(e);
    case Kind::call:
      return call(e);
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
    case Kind::condition:
      if (evaluate(*e.operands[1]).truthy()) return evaluate(*e.operands[0]);
      return e.operands[2] ? evaluate(*e.operands[2]) : Value();
    }
    return {};
  }

  Value make_list(const Expression& e) {
    List items;
    for (const auto& operand : e.operands) items.push_back(evaluate(*operand));
    return items;
  }

  Value make_dict(const Expression& e) {
    Dict dict;
    for (std::size_t i = 0; i + 1 < e.operands.size(); i += 2)
      assign(dict, evaluate(*e.operands[i]).text(), evaluate(*e.operands[i + 1]));
    return dict;
  }

  Call arguments(const Expression& e) {
    Call call;
    for (const Argument& argument : e.arguments) {
      if (argument.name.empty())
        call.positional.push_back(evaluate(*argument.value));
      else
        call.named[argument.name] = evaluate(*argument.value);
    }
    return call;
  }

  Value call(const Expression& e) {
    const Expression& target = *e.operands[0];
    Value function;
    if (target.kind == Kind::attribute) { // a method, unless the dictionary holds a callable of that name
      const Value object = evaluate(*target.operands[0]);
      function = get_attribute(object, target.text);
      if (!function.get<std::shared_ptr<const Callable>>()) function = method_of(object, target.text);
    } else {
      function = evaluate(target);
    }
    const auto* callable = function.get<std::shared_ptr<const Callable>>();
    if (!callable) template_error("\"" + target.text + "\" is no function this program knows");
    return (*callable)->function(arguments(e));
  }

  Value slice(const Expression& e) {
    const Value object = evaluate(*e.operands[0]);
    const auto part = [&](std::size_t i) { return e.operands[i] ? evaluate(*e.operands[i]) : Value(None{}); };
    const Value low = part(1), high = part(2), stride = part(3);
    const std::string* text = object.string();
    if (!object.list() && !text) template_error("cannot slice a " + std::string(object.type_name()));
    const Value sliced = text ? Value(characters_of(*text)) : object;
    const auto size = std::int64_t(sliced.list()->size());
    const std::int64_t step_size = stride.is_number() ? stride.integer() : 1;
    if (step_size == 0) template_error("a slice's step is 0");
    const auto bound = [&](const Value& value, std::int64_t fallback) {
      if (!value.is_number()) return fallback;
      std::int64_t i = value.integer();
      if (i < 0) i += size;
      return step_size > 0 ? std::clamp<std::int64_t>(i, 0, size) : std::clamp<std::int64_t>(i, -1, size - 1);
    };
    const std::int64_t begin = bound(low, step_size > 0 ? 0 : size - 1),
                       end = bound(high, step_size > 0 ? size : -1);
    List items;
    std::string characters;
    for (std::int64_t i = begin; step_size > 0 ? i < end : i > end; i += step_size) {
      const Value& item = (*sliced.list())[std::size_t(i)];
      if (text)
        characters += *item.string();
      else
        items.push_back(item);
    }
    return text ? Value(characters) : Value(items);
  }

  Value unary(const Expression& e) {
    const Value value = evaluate(*e.operands[0]);
    if (e.text == "not") return !value.truthy();
    if (!value.is_number()) template_error("\"" + e.text + "\" needs a number");
    if (e.text == "+") return value;
    return value.get<double>() ? Value(-value.number()) : Value(-value.integer());
  }

  Value binary(const Expression& e) {
    const Value left = evaluate(*e.operands[0]);
    if (e.text == "and") return left.truthy() ? evaluate(*e.operands[1]) : left;
    if (e.text == "or") return left.truthy() ? left : evaluate(*e.operands[1]);
    const Value right = evaluate(*e.operands[1]);
    if (e.text != "<" && e.text != ">") steps_ += std::min(left.weight(), right.weight()) / letters_a_step;
    if (e.text == "==") return left.equals(right);
    if (e.text == "!=") return !left.equals(right);
    if (e.text == "in") return contains(right, left);
    if (e.text == "~") return joined(left.text(), right.text());
    if (e.text == "+" && left.string() && right.string()) return joined(*left.string(), *right.string());
    if (e.text == "+" && left.list() && right.list()) {
      List items = *left.list();
      items.insert(items.end(), right.list()->begin(), right.list()->end());
      return items;
    }
    if (e.text == "*" && left.string() && right.get<std::int64_t>())
      return repeat(*left.string(), *right.get<std::int64_t>());
    if (left.string() && right.string()) return compare(e.text, left.string()->compare(*right.string()));
    if (!left.is_number() || !right.is_number())
      template_error("\"" + e.text + "\" does not work between a " + left.type_name() + " and a " +
                     right.type_name());
    return arithmetic(e.text, left, right);
  }

  static std::string joined(const std::string& left, const std::string& right) {
    if (left.size() + right.size() > longest_output) template_error("writes too much text");
    return left + right;
  }

  Value repeat(const std::string& text, std::int64_t times) const {
    if (times > 0 && text.size() > longest_output / std::size_t(times))
      template_error("writes too much text");
    std::string out;
    for (std::int64_t i = 0; i < times; ++i) out += text;
    return out;
  }

  static bool contains(const Value& container, const Value& item) {
    if (const auto* text = container.string())
      return item.string() && text->find(*item.string()) != std::string::npos;
    if (const auto* dict = container.dict()) return item.string() && find(*dict, *item.string());
    if (const auto* list = container.list())
      return std::any_of(list->begin(), list->end(), [&](const Value& each) { return each.equals(item); });
    return false;
  }

  static Value compare(const std::string& op, double difference) {
    if (op == "<") return difference < 0;
    if (op == ">") return difference > 0;
    if (op == "<=") return difference <= 0;
    if (op == ">=") return difference >= 0;
    template_error("\"" + op + "\" does not work between strings");
  }

  static Value arithmetic(const std::string& op, const Value& left, const Value& right) {
    const double a = left.number(), b = right.number();
    if (op == "<" || op == ">" || op == "<=" || op == ">=") return compare(op, a < b ? -1 : a > b ? 1 : 0);
    if ((op == "/" || op == "//" || op == "%") && b == 0) template_error("division by zero");
    if (op == "/") return a / b;
    double result = 0;
    if (op == "+")
      result = a + b;
    else if (op == "-")
      result = a - b;
    else if (op == "*")
      result = a * b;
    else if (op == "//")
      result = std::floor(a / b);
    else
      result = a - b * std::floor(a / b);
    if (left.get<double>() || right.get<double>()) return result;
    if (std::abs(result) > 9e15) template_error("a number grows too large");
    return std::int64_t(result);
  }

  std::vector<Scope> scopes_;
  std::string output_;
  std::size_t steps_ = 0;
  int line_ = 1, depth_ = 0;
};

} // namespace

Value Call::argument(std::size_t index, const std::string& name) const {
  if (index < positional.size()) return positional[index];
  const auto found = named.find(name);
  return found == named.end() ? Value() : found->second;
}

Value make_function(std::function<Value(const Call&)> function) {
  return std::make_shared<const Callable>(Callable{std::move(function)});
}

void template_error(const std::string& what) { throw Error(ErrorKind::unsupported, what); }

std::string render(const Body& body, std::map<std::string, Value> variables) {
  return Interpreter(std::move(variables)).run(body);
}

} // namespace intarsia::jinja
