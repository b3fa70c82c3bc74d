// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Statements and scopes; expressions are in evaluate.cpp.
#include "core/text/jinja/interpreter.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/text/jinja/interpreter_holds.h"

namespace intarsia::jinja {
namespace {

constexpr std::size_t max_steps = 2'000'000, longest_output = std::size_t(16) << 20;
constexpr std::size_t letters_a_step = 256, items_a_step = 16; // what long values cost

class Macro : public Object {
 public:
  Macro(Interpreter& interpreter, const Statement& definition, Scope* home)
      : interpreter_(interpreter)
      , definition_(definition)
      , home_(home) {}
  const char* type_name() const override { return "macro"; }
  bool callable() const override { return true; }
  Value call(const Call& call) override {
    return interpreter_.call_macro(definition_.signature, definition_.body, home_, name(), call);
  }
  Value attribute(const std::string& asked) override {
    if (asked == "name") return name();
    if (asked == "caller") return definition_.signature.takes_caller;
    if (asked == "catch_varargs") return definition_.signature.takes_more;
    if (asked == "catch_kwargs") return definition_.signature.takes_named;
    return Undefined{asked};
  }

 private:
  std::string name() const {
    return definition_.kind == Statement::Kind::macro ? definition_.text : "caller";
  }

  Interpreter& interpreter_;
  const Statement& definition_;
  Scope* home_;
};

// The variable "loop".
class Loop : public Object {
 public:
  Loop(Interpreter& interpreter, const Statement& statement, const List& items, Scope* home,
       std::int64_t depth)
      : interpreter_(interpreter)
      , statement_(statement)
      , items_(items)
      , home_(home)
      , depth_(depth) {}
  void go_to(std::size_t at) { at_ = at; }

  const char* type_name() const override { return "loop"; }
  bool callable() const override { return statement_.recursive; }
  Value call(const Call& call) override {
    if (!callable() || call.positional.size() != 1) return Object::call(call);
    return interpreter_.loop_again(statement_, call.positional[0], home_, depth_ + 1);
  }

  Value attribute(const std::string& name) override {
    const auto i = std::int64_t(at_), count = std::int64_t(items_.size());
    if (name == "index") return i + 1;
    if (name == "index0") return i;
    if (name == "revindex") return count - i;
    if (name == "revindex0") return count - i - 1;
    if (name == "first") return i == 0;
    if (name == "last") return i + 1 == count;
    if (name == "length") return count;
    if (name == "depth") return depth_ + 1;
    if (name == "depth0") return depth_;
    if (name == "previtem") return i > 0 ? items_[at_ - 1] : Value(Undefined{"there is no previous item"});
    if (name == "nextitem")
      return i + 1 < count ? items_[at_ + 1] : Value(Undefined{"there is no next item"});
    if (name == "cycle")
      return make_function("cycle", [i](const Call& call) {
        if (call.positional.empty()) template_error("loop.cycle needs an item");
        return call.positional[std::size_t(i) % call.positional.size()];
      });
    if (name == "changed")
      return bound_function<Loop>(
          *this, [](Loop& self, const Call& call) -> Value { return self.changed(call.positional); });
    return Undefined{name};
  }

 private:
  bool changed(const List& values) {
    const Value now = Value::sequence(SequenceKind::tuple, values);
    if (equal(now, last_changed_)) return false;
    last_changed_ = now;
    return true;
  }

  Interpreter& interpreter_;
  const Statement& statement_;
  List items_; // a loop may outlive its round in a variable
  Scope* home_;
  std::int64_t depth_;
  std::size_t at_ = 0;
  Value last_changed_;
};

} // namespace

// A new scope; kept after its end when a macro was made that can still see it.
class Interpreter::ScopeHold {
 public:
  ScopeHold(Interpreter& interpreter, Scope* parent)
      : interpreter_(interpreter)
      , outer_(interpreter.scope_)
      , macros_before_(interpreter.macros_made_)
      , scope_(std::make_unique<Scope>()) {
    scope_->parent = parent;
    interpreter_.scope_ = scope_.get();
  }
  ~ScopeHold() {
    interpreter_.scope_ = outer_;
    if (interpreter_.macros_made_ != macros_before_) interpreter_.kept_scopes_.push_back(std::move(scope_));
  }
  ScopeHold(const ScopeHold&) = delete;
  ScopeHold& operator=(const ScopeHold&) = delete;

 private:
  Interpreter& interpreter_;
  Scope* outer_;
  std::size_t macros_before_;
  std::unique_ptr<Scope> scope_;
};

Interpreter::Interpreter(std::map<std::string, Value> variables) {
  globals_.variables = std::move(variables);
  root_.parent = &globals_;
}

std::string Interpreter::run(const Body& body) {
  execute(body);
  return std::move(output_);
}

void Interpreter::step(int line) {
  line_ = line ? line : line_;
  if (++steps_ > max_steps) template_error("takes too many steps");
  if (output_.size() > longest_output) template_error("writes too much text");
}

void Interpreter::charge(const Value& value) {
  if (const auto* text = value.string()) steps_ += text->size() / letters_a_step;
  if (const auto* items = value.list()) steps_ += items->size() / items_a_step;
}

void Interpreter::write(const std::string& text) {
  steps_ += text.size() / letters_a_step;
  output_ += text;
}

std::string Interpreter::captured_text(const Body& body) {
  std::string outer = std::move(output_);
  output_.clear();
  execute(body);
  std::string inner = std::move(output_);
  output_ = std::move(outer);
  return inner;
}

Value Interpreter::lookup(const std::string& name) const {
  for (const Scope* scope = scope_; scope; scope = scope->parent)
    if (const auto found = scope->variables.find(name); found != scope->variables.end()) return found->second;
  return Undefined{name};
}

Flow Interpreter::execute(const Body& body) {
  for (const Statement& statement : body)
    if (const Flow flow = execute(statement); flow != Flow::normal) return flow;
  return Flow::normal;
}

Flow Interpreter::execute(const Statement& statement) {
  try {
    step(statement.line);
    const DepthHold depth(depth_);
    return dispatch(statement);
  } catch (const Error& error) {
    const std::string sentence = error.what();
    if (sentence.starts_with("chat template")) throw;
    throw Error(error.kind(), "chat template, line " + std::to_string(line_) + ": " + sentence);
  }
}

Flow Interpreter::dispatch(const Statement& s) {
  switch (s.kind) {
  case Statement::Kind::text:
    output_ += s.text;
    break;
  case Statement::Kind::output:
    write(str(evaluate(*s.expression)));
    break;
  case Statement::Kind::condition:
    return execute(truthy(evaluate(*s.expression)) ? s.body : s.otherwise);
  case Statement::Kind::loop: {
    const Value source = evaluate(*s.expression);
    run_loop(s, loop_items(s, source), 0);
    break;
  }
  case Statement::Kind::assign:
    assign(s.targets[0], evaluate(*s.expression));
    break;
  case Statement::Kind::capture:
  case Statement::Kind::filter: {
    std::string text;
    {
      const ScopeHold inner(*this, scope_);
      text = captured_text(s.body);
    }
    captured_ = std::move(text);
    const Value value = evaluate(*s.expression);
    if (s.kind == Statement::Kind::capture)
      assign(s.targets[0], value);
    else
      write(str(value));
    break;
  }
  case Statement::Kind::macro:
    ++macros_made_;
    scope_->variables[s.text] = std::shared_ptr<Object>(std::make_shared<Macro>(*this, s, scope_));
    break;
  case Statement::Kind::call:
    run_call(s);
    break;
  case Statement::Kind::with:
    return run_with(s);
  case Statement::Kind::scope:
    return run_in_scope(s.body, scope_);
  case Statement::Kind::block:
    return run_in_scope(s.body, &root_);
  case Statement::Kind::stop:
    return Flow::stop;
  case Statement::Kind::next:
    return Flow::next;
  case Statement::Kind::refuse:
    template_error(s.text);
  }
  return Flow::normal;
}

Flow Interpreter::run_in_scope(const Body& body, Scope* parent) {
  const ScopeHold inner(*this, parent);
  return execute(body);
}

Flow Interpreter::run_with(const Statement& with) {
  List values; // all of them before any is bound
  for (const ExpressionPtr& value : with.values) values.push_back(evaluate(*value));
  const ScopeHold inner(*this, scope_);
  for (std::size_t i = 0; i < values.size(); ++i) assign(with.targets[i], values[i]);
  return execute(with.body);
}

void Interpreter::run_call(const Statement& s) {
  ++macros_made_;
  const Value caller = std::shared_ptr<Object>(std::make_shared<Macro>(*this, s, scope_));
  write(str(call(*s.expression, &caller)));
}

void Interpreter::assign(const Target& target, const Value& value) {
  if (!target.field.empty()) {
    const Value object = lookup(target.name);
    if (!object.object() || !object.object()->set_attribute(target.field, value))
      template_error("\"" + target.name + "\" is not a namespace");
    return;
  }
  if (target.parts.empty()) {
    scope_->variables[target.name] = value;
    return;
  }
  const List items = items_of(value);
  if (items.size() != target.parts.size())
    template_error("cannot unpack " + std::to_string(items.size()) + " values into " +
                   std::to_string(target.parts.size()));
  for (std::size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i]);
}

List Interpreter::loop_items(const Statement& loop, const Value& source) {
  List items = items_of(source);
  steps_ += items.size() / items_a_step;
  if (!loop.filter) return items;
  List chosen;
  for (const Value& item : items) {
    const ScopeHold inner(*this, scope_);
    assign(loop.targets[0], item);
    if (truthy(evaluate(*loop.filter))) chosen.push_back(item);
  }
  return chosen;
}

void Interpreter::run_loop(const Statement& loop, const List& items, std::int64_t depth) {
  if (loop.recursive) ++macros_made_; // its variable can run it again
  const auto variable = std::make_shared<Loop>(*this, loop, items, scope_, depth);
  for (std::size_t i = 0; i < items.size(); ++i) {
    step(loop.line);
    const ScopeHold round(*this, scope_); // what one round sets is gone in the next
    variable->go_to(i);
    scope_->variables["loop"] = std::shared_ptr<Object>(variable);
    assign(loop.targets[0], items[i]);
    if (execute(loop.body) == Flow::stop) break;
  }
  if (items.empty()) run_in_scope(loop.otherwise, scope_);
}

Value Interpreter::loop_again(const Statement& loop, const Value& items, Scope* home, std::int64_t depth) {
  const DepthHold hold(depth_);
  const ScopeHold inner(*this, home);
  std::string outer = std::exchange(output_, {});
  run_loop(loop, loop_items(loop, items), depth);
  return std::exchange(output_, std::move(outer));
}

Value Interpreter::call_macro(const Signature& signature, const Body& body, Scope* home,
                              const std::string& name, const Call& call) {
  const DepthHold hold(depth_);
  const ScopeHold inner(*this, home);
  const auto& parameters = signature.parameters;
  Dict more_named;
  List more;
  if (call.positional.size() > parameters.size()) {
    more.assign(call.positional.begin() + std::ptrdiff_t(parameters.size()), call.positional.end());
    if (!signature.takes_more)
      template_error("macro \"" + name + "\" takes not more than " + std::to_string(parameters.size()) +
                     " arguments");
  }
  for (const auto& [key, value] : call.named) {
    const auto same = [&key = key](const Parameter& parameter) { return parameter.name == key; };
    if (std::any_of(parameters.begin(), parameters.end(), same)) continue;
    if (key == "caller" && signature.takes_caller) continue;
    if (!signature.takes_named) template_error("macro \"" + name + "\" takes no argument \"" + key + "\"");
    more_named.emplace_back(key, value);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Value* named = call.find_named(parameters[i].name);
    scope_->variables[parameters[i].name] = i < call.positional.size() ? call.positional[i]
                                            : named                    ? *named
                                            : parameters[i].fallback   ? evaluate(*parameters[i].fallback)
                                                                       : Value(Undefined{parameters[i].name});
  }
  if (signature.takes_more)
    scope_->variables["varargs"] = Value::sequence(SequenceKind::tuple, std::move(more));
  if (signature.takes_named) scope_->variables["kwargs"] = std::move(more_named);
  if (signature.takes_caller) {
    const Value* caller = call.find_named("caller");
    scope_->variables["caller"] = caller ? *caller : Value(Undefined{"caller"});
  }
  return captured_text(body);
}

std::string render(const Body& body, std::map<std::string, Value> variables) {
  return Interpreter(std::move(variables)).run(body);
}

} // namespace intarsia::jinja
