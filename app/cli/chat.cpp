// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

#include "app/cli/line_reader.h"
#include "app/cli/sampling_options.h"
#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/jobs/memory.h"
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

// No message's fault: it ends a conversation.
struct OutputError : Error {
  using Error::Error;
};

void print_piece(std::string_view piece) {
  if (std::fwrite(piece.data(), 1, piece.size(), stdout) != piece.size() || std::fflush(stdout) != 0)
    throw OutputError(ErrorKind::resource,
                      std::string("standard output cannot be written: ") + std::strerror(errno));
}

void note(const std::string& sentence) { std::fprintf(stderr, "intarsia: %s\n", sentence.c_str()); }

// What a person should know of an answer's context.
void tell_of_context(const Conversation& conversation, const GenerationResult& result, std::size_t& told_of) {
  const std::size_t size = conversation.context_size(), dropped = conversation.dropped_messages();
  if (dropped > told_of)
    note(fmt::format("the context of {} tokens is full: the model no longer sees the oldest {} messages",
                     size, dropped));
  told_of = dropped;
  if (result.reason == StopReason::context_full)
    note(fmt::format("the answer ends here: the context of {} tokens is full; --context N makes it longer",
                     size));
}

// Ends at end of input. Ctrl-C stops an answer or, between answers, the conversation. A message that cannot
// be answered is told of and forgotten.
void converse(Conversation& conversation, ReplyOptions reply) {
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) std::fputs("Type a message; Ctrl-C stops an answer, Ctrl-D ends the conversation.\n", stderr);
  LineReader lines;
  for (std::size_t told_of = 0;;) {
    if (terminal) std::fputs("> ", stderr);
    const auto line = lines.next(stop_token());
    if (!line) break;
    if (line->empty()) continue;
    GenerationResult result;
    try {
      result = conversation.reply(*line, reply, print_piece, stop_token());
    } catch (const OutputError&) {
      throw;
    } catch (const Error& error) {
      note(error.what());
      continue;
    }
    print_piece("\n");
    tell_of_context(conversation, result, told_of);
    ++reply.sampling.seed; // the next response has random numbers of its own
    if (result.reason == StopReason::stopped && !go_on_after_stop()) break;
  }
  if (terminal) std::fputs("\n", stderr);
}

// Only a quantized model is run as the memory model counts.
OrderedJson predicted_or_null(const OpenedModel& model, std::size_t context) {
  if (!model.artifact) return nullptr;
  return cpu_memory_needed(model, context);
}

void run(const Options& options) {
  const ReplyOptions reply = reply_options(options);
  const auto prompt = options.text("--prompt");
  if (prompt && prompt->empty()) throw Error(ErrorKind::usage, "chat: option --prompt is empty");
  for (const char* name : {"--json", "--raw"})
    if (options.has(name) && !prompt)
      throw Error(ErrorKind::usage, std::string("chat: ") + name + " needs --prompt");
  const ExecutionTarget target = chosen_target(options);
  OpenedModel model = open_model(options.argument());
  model.kv_cache = chosen_kv_cache(options);
  const Tokenizer& tokenizer = require_tokenizer(model, options.argument());
  const std::size_t context =
      options.count_or("--context", 1, model.config().max_positions, default_context(model));
  const JobControl control = make_control("loading");
  const auto running = load_model(target, model, context, control);
  end_progress();
  Conversation conversation(tokenizer, *running, context, options.text("--system").value_or(""));
  if (const std::string& problem = conversation.template_problem(); !problem.empty()) note(problem);
  if (!prompt) return converse(conversation, reply);
  const OnText on_text = options.json() ? OnText() : print_piece;
  const auto result = options.has("--raw") ? conversation.complete(*prompt, reply, on_text, control.stop)
                                           : conversation.reply(*prompt, reply, on_text, control.stop);
  if (!options.json()) print_piece("\n");
  if (result.reason == StopReason::stopped) throw Error(ErrorKind::cancelled, "cancelled");
  if (options.json()) {
    OrderedJson json = to_json(*prompt, result);
    if (!result.stop_text.empty()) json["stop_text"] = result.stop_text;
    if (reply.log_probabilities) json["log_probabilities"] = probabilities_json(result.sampled, tokenizer);
    json["memory"] = memory_json(target, std::array<const OpenedModel*, 1>{&model}, context,
                                 predicted_or_null(model, context));
    print_json(json);
  }
}

} // namespace

Verb chat_verb() {
  VerbSpec spec{
      "chat",
      "MODEL",
      "answers a prompt, or holds a conversation",
      {{"--raw", "", "go on with the prompt as it stands, without a chat template"},
       {"--prompt", "TEXT", "answer this and end (default: a conversation, a message a line)"},
       {"--system", "TEXT", "instructions that stand before the conversation"},
       {"--context", "N", "tokens the conversation has room for (default: as the plan has it, else 4096)"}}};
  for (const OptionSpec& option : sampling_options()) spec.options.push_back(option);
  spec.options.push_back(kv_cache_option());
  spec.options.push_back(device_option());
  return {std::move(spec), run};
}

} // namespace intarsia::cli
