// SPDX-License-Identifier: GPL-3.0-or-later
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

#include "app/cli/line_reader.h"
#include "app/cli/place.h"
#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/allocation/memory_model.h"
#include "core/base/error.h"
#include "core/runtime/conversation.h"
#include "core/worker/messages.h"

namespace intarsia::cli {
namespace {

OrderedJson to_json(const std::string& prompt, const GenerationResult& result) {
  const double rate =
      result.decode_seconds > 0 ? double(result.tokens.size() - 1) / result.decode_seconds : 0;
  return {{"prompt", prompt},
          {"text", result.text},
          {"reason", to_string(result.reason)},
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
  if (std::fwrite(piece.data(), 1, piece.size(), stdout) != piece.size() || std::fflush(stdout) != 0)
    throw Error(ErrorKind::resource,
                std::string("standard output cannot be written: ") + std::strerror(errno));
}

// Ends at end of input. Ctrl-C stops an answer or, between answers, the conversation.
void converse(Conversation& conversation, std::size_t max_tokens, SamplingSettings sampling) {
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) std::fputs("Type a message; Ctrl-C stops an answer, Ctrl-D ends the conversation.\n", stderr);
  LineReader lines;
  for (;;) {
    if (terminal) std::fputs("> ", stderr);
    const auto line = lines.next(stop_token());
    if (!line) break;
    if (line->empty()) continue;
    const auto result = conversation.reply(*line, max_tokens, sampling, print_piece, stop_token());
    print_piece("\n");
    ++sampling.seed; // the next answer draws afresh
    if (result.reason == StopReason::stopped && !go_on_after_stop()) break;
  }
  if (terminal) std::fputs("\n", stderr);
}

// Only a quantized model is run as the memory model counts.
OrderedJson predicted_memory(const OpenedModel& model, std::size_t context) {
  if (!model.artifact) return nullptr;
  return plan_memory(model.config(), model.graph(), model.artifact->plan(), context).total();
}

void run(const Options& options) {
  const auto max_tokens = options.count_or("--max-tokens", 1, 1 << 20, 256);
  const SamplingSettings sampling = sampling_of(options);
  const auto prompt = options.text("--prompt");
  if (prompt && prompt->empty()) throw Error(ErrorKind::usage, "chat: option --prompt is empty");
  for (const char* name : {"--json", "--raw"})
    if (options.has(name) && !prompt)
      throw Error(ErrorKind::usage, std::string("chat: ") + name + " needs --prompt");
  const Place place = chosen_place(options);
  const OpenedModel model = open_model(options.argument());
  const Tokenizer& tokenizer = require_tokenizer(model, options.argument());
  const std::size_t context =
      options.count_or("--context", 1, model.config().max_positions, usual_context(model));
  const JobControl control = make_control("loading");
  const auto running = load(model, place, control, context);
  end_progress();
  Conversation conversation(tokenizer, *running, context, options.text("--system").value_or(""));
  if (!prompt) return converse(conversation, max_tokens, sampling);
  const OnText on_text = options.json() ? OnText() : print_piece;
  const auto result = options.has("--raw")
                          ? conversation.complete(*prompt, max_tokens, sampling, on_text, control.stop)
                          : conversation.reply(*prompt, max_tokens, sampling, on_text, control.stop);
  if (!options.json()) print_piece("\n");
  if (result.reason == StopReason::stopped) throw Error(ErrorKind::cancelled, "cancelled");
  if (options.json()) {
    OrderedJson json = to_json(*prompt, result);
    json["memory"] = memory_of(place, std::array{&model}, context, predicted_memory(model, context));
    print_json(json);
  }
}

} // namespace

Verb chat_verb() {
  return {
      {"chat",
       "MODEL",
       "answers a prompt, or holds a conversation",
       {{"--raw", "", "go on with the prompt as it stands, without a chat template"},
        {"--prompt", "TEXT", "answer this and end (default: a conversation, a message a line)"},
        {"--system", "TEXT", "instructions that stand before the conversation"},
        {"--context", "N", "tokens the conversation has room for (default: as the plan has it, else 4096)"},
        {"--max-tokens", "N", "tokens of an answer at most (default 256)"},
        {"--temperature", "X", "0 always takes the likeliest token (default 0.7)"},
        {"--top-p", "X", "draw from the likeliest tokens that hold this probability (default 0.95)"},
        {"--seed", "N", "the same seed gives the same answer (default 0)"},
        device_option()}},
      run};
}

} // namespace intarsia::cli
