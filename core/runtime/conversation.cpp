// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/conversation.h"

#include <algorithm>

#include "core/runtime/stop_text.h"

namespace intarsia {
namespace {

// Tokens that end an answer: the model's own, and the end-of-turn tokens of chat formats whose files forget
// to say so.
std::vector<int> stop_tokens_of(const ModelConfig& config, const Tokenizer& tokenizer) {
  std::vector<int> tokens = config.eos_tokens;
  if (tokenizer.spec().eos >= 0) tokens.push_back(tokenizer.spec().eos);
  for (const char* name : {"<|im_end|>", "<|eot_id|>", "<|end|>"})
    if (const int id = tokenizer.find(name); id >= 0 && tokenizer.is_control(id)) tokens.push_back(id);
  return tokens;
}

} // namespace

Conversation::Conversation(const Tokenizer& tokenizer, LanguageModel& model, std::size_t context,
                           std::string system)
    : tokenizer_(tokenizer)
    , sequence_(model.new_sequence(context))
    , stop_tokens_(stop_tokens_of(model.config(), tokenizer)) {
  if (const auto& source = tokenizer.spec().chat_template; !source.empty()) template_.emplace(source);
  if (!system.empty()) messages_.push_back({"system", std::move(system)});
}

void Conversation::remember(const std::string& question, const std::string& answer) {
  messages_.push_back({"user", question});
  messages_.push_back({"assistant", answer});
}

void Conversation::drop_last_turn() {
  while (!messages_.empty() && messages_.back().role == "assistant") messages_.pop_back();
  if (!messages_.empty() && messages_.back().role == "user") messages_.pop_back();
}

std::vector<int> Conversation::tokens_of(const std::vector<ChatMessage>& messages) const {
  if (!template_) return tokenizer_.encode(render_plain_chat(messages));
  const auto text_of = [&](int id) {
    return id < 0 ? std::string() : tokenizer_.spec().tokens[std::size_t(id)];
  };
  const std::string text =
      template_->render(messages, true, text_of(tokenizer_.spec().bos), text_of(tokenizer_.spec().eos));
  Tokenizer::EncodeOptions options;
  options.add_special = false; // a template writes the begin token itself
  return tokenizer_.encode(text, options);
}

std::vector<int> Conversation::prompt_that_fits(std::size_t room) const {
  std::vector<ChatMessage> messages = messages_;
  std::vector<int> prompt = tokens_of(messages);
  const std::size_t kept = messages.front().role == "system" ? 1 : 0;
  while (prompt.size() + room > context_size() && messages.size() >= kept + 3) {
    const auto oldest = messages.begin() + std::ptrdiff_t(kept);
    messages.erase(oldest, oldest + 2); // a question and its answer
    prompt = tokens_of(messages);
  }
  return prompt;
}

GenerationResult Conversation::reply(const std::string& message, std::size_t max_tokens,
                                     const SamplingSettings& sampling, const OnText& on_text,
                                     std::stop_token stop) {
  messages_.push_back({"user", message});
  try {
    GenerationRequest request;
    request.prompt = prompt_that_fits(std::min(max_tokens, context_size() / 4));
    request.max_tokens = max_tokens;
    request.sampling = sampling;
    GenerationResult result = run(std::move(request), template_ ? "" : "\nUser:", on_text, std::move(stop));
    messages_.push_back({"assistant", result.text});
    return result;
  } catch (...) {
    messages_.pop_back();
    throw;
  }
}

GenerationResult Conversation::complete(const std::string& text, std::size_t max_tokens,
                                        const SamplingSettings& sampling, const OnText& on_text,
                                        std::stop_token stop) {
  GenerationRequest request;
  request.prompt = tokenizer_.encode(text);
  request.max_tokens = max_tokens;
  request.sampling = sampling;
  return run(std::move(request), "", on_text, std::move(stop));
}

GenerationResult Conversation::run(GenerationRequest request, const std::string& stop_text,
                                   const OnText& on_text, std::stop_token stop) {
  request.stop_tokens = stop_tokens_;
  std::stop_source ended; // by the caller, or by the stop text
  const std::stop_callback forward(stop, [&] { ended.request_stop(); });
  StopText filter(stop_text, on_text);
  GenerationResult result = generate(
      *sequence_, cached_tokens_, tokenizer_, request,
      [&](std::string_view piece) {
        filter.push(piece);
        if (filter.came()) ended.request_stop();
      },
      ended.get_token());
  if (!filter.came()) filter.finish();
  result.text = filter.text();
  if (filter.came()) result.reason = StopReason::end_of_text;
  return result;
}

} // namespace intarsia
