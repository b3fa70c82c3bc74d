// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdio>
#include <fmt/format.h>
#include <iostream>
#include <unistd.h>

#include "core/runtime/conversation.h"
#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"

namespace intarsia::cli {
namespace {

const char* reason_name(StopReason reason) {
  switch (reason) {
  case StopReason::end_of_text:
    return "end_of_text";
  case StopReason::token_limit:
    return "token_limit";
  case StopReason::context_full:
    return "context_full";
  case StopReason::stopped:
    return "stopped";
  }
  return "";
}

OrderedJson to_json(const std::string& prompt, const GenerationResult& result) {
  const double rate =
      result.decode_seconds > 0 ? double(result.tokens.size() - 1) / result.decode_seconds : 0;
  return {{"prompt", prompt},
          {"text", result.text},
          {"reason", reason_name(result.reason)},
          {"prompt_tokens", result.prompt_tokens},
          {"generated_tokens", result.tokens.size()},
          {"first_token_seconds", result.prefill_seconds},
          {"tokens_per_second", rate}};
}

SamplingSettings sampling_of(const Options& options) {
  SamplingSettings sampling;
  sampling.temperature = options.number_or("--temperature", 0, 100, sampling.temperature);
  sampling.top_p = options.number_or("--top-p", 1e-6, 1, sampling.top_p);
  sampling.seed = options.count_or("--seed", 0, INT64_MAX, sampling.seed);
  return sampling;
}

void print_piece(std::string_view piece) {
  std::fwrite(piece.data(), 1, piece.size(), stdout);
  std::fflush(stdout);
}

void converse(Conversation& conversation, std::size_t max_tokens, const SamplingSettings& sampling,
              const JobControl& control) {
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) std::fputs("Type a message; an empty line or Ctrl-D ends the conversation.\n", stderr);
  for (std::string line; !control.stop.stop_requested();) {
    if (terminal) std::fputs("> ", stderr);
    if (!std::getline(std::cin, line) || line.empty()) break;
    conversation.reply(line, max_tokens, sampling, print_piece, control.stop);
    std::fputs("\n", stdout);
  }
}

void run(const Options& options) {
  const auto max_tokens = options.count_or("--max-tokens", 1, 1 << 20, 256);
  const SamplingSettings sampling = sampling_of(options);
  const auto prompt = options.text("--prompt");
  if (options.json() && !prompt) throw Error(ErrorKind::usage, "chat: --json needs --prompt");
  chosen_device(options);
  const OpenedModel model = open_model(options.argument());
  const Tokenizer& tokenizer = require_tokenizer(model, options.argument());
  const JobControl control = make_control("loading");
  const auto running = load(model, control);
  end_progress();
  Conversation conversation(tokenizer, *running, options.text("--system").value_or(""));
  if (!prompt) return converse(conversation, max_tokens, sampling, control);
  const auto result =
      conversation.reply(*prompt, max_tokens, sampling, options.json() ? nullptr : print_piece, control.stop);
  if (options.json())
    print_json(to_json(*prompt, result));
  else
    std::fputs("\n", stdout);
}

} // namespace

Verb chat_verb() {
  return {{"chat",
           "MODEL",
           "answers a prompt, or holds a conversation",
           {{"--prompt", "TEXT", "answer this and end (default: a conversation, a message a line)"},
            {"--system", "TEXT", "instructions that stand before the conversation"},
            {"--max-tokens", "N", "tokens of an answer at most (default 256)"},
            {"--temperature", "X", "0 always takes the likeliest token (default 0.7)"},
            {"--top-p", "X", "draw from the likeliest tokens that hold this probability (default 0.95)"},
            {"--seed", "N", "the same seed gives the same answer (default 0)"},
            device_option()}},
          run};
}

} // namespace intarsia::cli
