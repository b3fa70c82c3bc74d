// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/text/chat_format.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/text/generic_chat.h"

namespace intarsia {
namespace {

std::map<std::string, std::string> special_tokens_of(const TokenizerSpec& spec) {
  std::map<std::string, std::string> tokens;
  const auto add = [&](const char* name, int id) {
    if (id >= 0 && std::size_t(id) < spec.tokens.size()) tokens[name] = spec.tokens[std::size_t(id)];
  };
  add("bos_token", spec.bos);
  add("eos_token", spec.eos);
  add("unk_token", spec.unknown);
  add("pad_token", spec.pad);
  return tokens;
}

} // namespace

ChatFormat::ChatFormat(const TokenizerSpec& spec)
    : generic_(generic_chat_of(spec))
    , special_tokens_(special_tokens_of(spec)) {
  const auto add = [this](const std::string& name, const std::string& text) {
    Source source{name, text, {}, {}};
    try {
      source.program.emplace(text);
    } catch (const Error& error) {
      source.problem = error.what();
    }
    sources_.push_back(std::move(source));
  };
  if (!spec.chat_template.empty()) add("default", spec.chat_template);
  for (const auto& [name, text] : spec.chat_templates)
    if (name != "default") add(name, text);
}

const ChatFormat::Source* ChatFormat::source_for(const ChatRequest& request) const {
  const auto named = [this](std::string_view name) {
    const auto found = std::find_if(sources_.begin(), sources_.end(),
                                    [&](const Source& source) { return source.name == name; });
    return found == sources_.end() ? nullptr : &*found;
  };
  const bool with_tools = request.tools.is_array() && !request.tools.empty();
  if (const Source* source = with_tools ? named("tool_use") : nullptr) return source;
  if (const Source* source = named("default")) return source;
  return sources_.empty() ? nullptr : &sources_.front();
}

RenderedChat ChatFormat::render(ChatRequest request) const {
  for (const auto& [name, text] : special_tokens_) request.special_tokens.emplace(name, text);
  const Source* source = source_for(request);
  if (!source) return render_generic_chat(generic_, request);
  std::string problem = source->problem;
  if (source->program) {
    try {
      return {source->program->render(request), false, {}, {}};
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::input) throw;
      problem = error.what();
    }
  }
  RenderedChat rendered = render_generic_chat(generic_, request);
  rendered.notice = "The model's own chat template cannot be rendered (" + problem +
                    "); the generic format \"" + name_of(generic_) + "\" stands in for it.";
  return rendered;
}

bool ChatFormat::reads_argument(std::string_view name) const {
  return std::any_of(sources_.begin(), sources_.end(), [&](const Source& source) {
    return source.program && source.text.find(name) != std::string::npos;
  });
}

const std::vector<ThinkingMarks>& thinking_marks() {
  static const std::vector<ThinkingMarks> marks{
      {"<think>", "</think>"},       {"<|START_THINKING|>", "<|END_THINKING|>"},
      {"[THINK]", "[/THINK]"},       {"<seed:think>", "</seed:think>"},
      {"<thinking>", "</thinking>"}, {"<|inner_prefix|>", "<|inner_suffix|>"}};
  return marks;
}

std::optional<ThinkingMarks> open_thought(std::string_view prompt) {
  for (const ThinkingMarks& marks : thinking_marks()) {
    const auto opened = prompt.rfind(marks.open);
    if (opened == std::string_view::npos) continue;
    // Open at the very end: an instruction that only speaks of the marks leaves text behind them.
    const std::string_view rest = prompt.substr(opened + marks.open.size());
    if (rest.find_first_not_of(" \t\r\n") == std::string_view::npos) return marks;
  }
  return std::nullopt;
}

} // namespace intarsia
