// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/conversation.h"

#include <algorithm>

#include "core/base/error.h"

namespace intarsia {

std::vector<int> stop_tokens_of(const ModelConfig& config, const Tokenizer& tokenizer) {
  std::vector<int> tokens = config.eos_tokens;
  if (tokenizer.spec().eos >= 0) tokens.push_back(tokenizer.spec().eos);
  for (const char* name : {"<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>"})
    if (const int id = tokenizer.find(name); id >= 0 && tokenizer.is_control(id)) tokens.push_back(id);
  return tokens;
}

Conversation::Conversation(const Tokenizer& tokenizer, LanguageModel& model, std::size_t context,
                           std::string system)
    : tokenizer_(tokenizer)
    , sequence_(model.new_sequence(context))
    , prompt_(tokenizer)
    , stop_tokens_(stop_tokens_of(model.config(), tokenizer)) {
  if (!system.empty()) messages_.push_back({"system", std::move(system)});
}

void Conversation::add_turn(const std::string& message, const std::string& response) {
  messages_.push_back({"user", message});
  messages_.push_back({"assistant", response});
}

void Conversation::drop_last_turn() {
  while (!messages_.empty() && messages_.back().role == "assistant") messages_.pop_back();
  if (!messages_.empty() && messages_.back().role == "user") messages_.pop_back();
}

ChatTokens Conversation::prompt_that_fits(const ReplyOptions& options) {
  const std::size_t room = std::min(options.max_tokens, context_size() / 4);
  std::vector<ChatMessage> messages = messages_;
  const auto rendered = [&] {
    ChatRequest request;
    request.messages = messages;
    request.arguments = options.template_arguments;
    return prompt_.tokens(std::move(request));
  };
  ChatTokens prompt = rendered();
  if (options.when_full == WhenFull::refuse) {
    if (prompt.tokens.size() >= context_size())
      throw Error(ErrorKind::usage, "the conversation of " + std::to_string(prompt.tokens.size()) +
                                        " tokens does not fit the context of " +
                                        std::to_string(context_size()) +
                                        " tokens: drop its oldest turns or start a new one");
    dropped_messages_ = 0;
    return prompt;
  }
  const std::size_t first = messages.front().role == "system" ? 1 : 0;
  while (prompt.tokens.size() + room > context_size() && messages.size() >= first + 3) {
    const auto oldest = messages.begin() + std::ptrdiff_t(first);
    messages.erase(oldest, oldest + 2); // a message and its response
    prompt = rendered();
  }
  dropped_messages_ = messages_.size() - messages.size();
  return prompt;
}

GenerationResult Conversation::reply(const std::string& message, const ReplyOptions& options,
                                     const OnText& on_text, std::stop_token stop) {
  messages_.push_back({"user", message});
  try {
    ReplyOptions chosen = options;
    ChatTokens prompt = prompt_that_fits(options);
    for (std::string& text : prompt.stop_texts) chosen.stop_texts.push_back(std::move(text));
    if (!prompt.begun.empty() && on_text)
      on_text(prompt.begun); // so that the thought's end is not without a start
    GenerationResult result = run(std::move(prompt.tokens), chosen, on_text, std::move(stop));
    result.text.insert(0, prompt.begun);
    messages_.push_back({"assistant", result.text});
    return result;
  } catch (...) {
    messages_.pop_back();
    throw;
  }
}

GenerationResult Conversation::complete(const std::string& text, const ReplyOptions& options,
                                        const OnText& on_text, std::stop_token stop) {
  return run(tokenizer_.encode(text), options, on_text, std::move(stop));
}

GenerationResult Conversation::run(std::vector<int> prompt, const ReplyOptions& options,
                                   const OnText& on_text, std::stop_token stop) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = options.max_tokens;
  request.sampling = options.sampling;
  request.stop_tokens = stop_tokens_;
  request.stop_texts = options.stop_texts;
  request.log_probabilities = options.log_probabilities;
  return generate(*sequence_, cached_tokens_, tokenizer_, request, on_text, std::move(stop));
}

} // namespace intarsia
