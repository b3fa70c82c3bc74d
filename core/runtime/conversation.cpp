// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/conversation.h"

#include <algorithm>

namespace intarsia {
namespace {

constexpr std::size_t longest_context = 4096; // a chat's cache; models that allow more rarely need it here

} // namespace

Conversation::Conversation(const Tokenizer& tokenizer, LanguageModel& model, std::string system)
    : tokenizer_(tokenizer)
    , sequence_(model.new_sequence(std::min(longest_context, model.config().max_positions)))
    , stop_tokens_(model.config().eos_tokens) {
  if (const auto& source = tokenizer.spec().chat_template; !source.empty()) template_.emplace(source);
  if (!system.empty()) messages_.push_back({"system", std::move(system)});
  if (tokenizer.spec().eos >= 0) stop_tokens_.push_back(tokenizer.spec().eos);
}

void Conversation::drop_last_turn() {
  while (!messages_.empty() && messages_.back().role == "assistant") messages_.pop_back();
  if (!messages_.empty() && messages_.back().role == "user") messages_.pop_back();
}

std::string Conversation::prompt_text() const {
  if (!template_) return render_plain_chat(messages_);
  const auto text_of = [&](int id) {
    return id < 0 ? std::string() : tokenizer_.spec().tokens[std::size_t(id)];
  };
  return template_->render(messages_, true, text_of(tokenizer_.spec().bos), text_of(tokenizer_.spec().eos));
}

GenerationResult Conversation::reply(const std::string& message, std::size_t max_tokens,
                                     const SamplingSettings& sampling,
                                     const std::function<void(std::string_view)>& on_text,
                                     std::stop_token stop) {
  messages_.push_back({"user", message});
  GenerationRequest request;
  Tokenizer::EncodeOptions options;
  options.add_special = !template_; // a template writes the begin token itself
  request.prompt = tokenizer_.encode(prompt_text(), options);
  request.max_tokens = max_tokens;
  request.sampling = sampling;
  request.stop_tokens = stop_tokens_;
  GenerationResult result = generate(*sequence_, cached_tokens_, tokenizer_, request, on_text, stop);
  messages_.push_back({"assistant", result.text});
  return result;
}

} // namespace intarsia
