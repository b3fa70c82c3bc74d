// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <mutex>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/base/format_bytes.h"
#include "core/server/http_server.h"

namespace intarsia::cli {
namespace {

std::string now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// The whole line at once: requests log from threads of their own.
void log_line(const std::string& sentence) { std::fputs((now() + " " + sentence + "\n").c_str(), stderr); }

// By which clients ask for it: --name, else the name of its folder or file.
std::string model_name(const Options& options) {
  if (const auto name = options.text("--name")) return *name;
  const std::filesystem::path path = std::filesystem::weakly_canonical(options.argument());
  return path.extension() == ".gguf" || path.extension() == ".safetensors" ? path.stem().string()
                                                                           : path.filename().string();
}

ServerOptions server_options(const Options& options, const OpenedModel& model) {
  ServerOptions server;
  server.host = options.text("--host").value_or(server.host);
  server.port = int(options.count_or("--port", 0, 65535, std::uint64_t(server.port)));
  const char* from_environment = std::getenv("INTARSIA_API_KEY");
  server.api_key = options.text("--api-key").value_or(from_environment ? from_environment : "");
  server.model_name = model_name(options);
  server.context = options.count_or("--context", 2, model.config().max_positions, default_context(model));
  server.parallel = options.count_or("--parallel", 1, 256, server.parallel);
  server.queue = options.count_or("--queue", 0, 4096, server.queue);
  server.response_timeout = std::chrono::seconds(options.count_or("--timeout", 1, 86400, 600));
  server.log = log_line;
  return server;
}

// Of the KV caches that every response at once would take, beside what load() looks at.
void require_memory(const OpenedModel& model, const ServerOptions& server) {
  const std::uint64_t needed =
      server.parallel * cpu_sequence_bytes(model.config(), server.context, cpu_options(model));
  const std::uint64_t free = available_memory();
  if (free != 0 && needed > free)
    throw Error(
        ErrorKind::resource,
        fmt::format("serve: {} responses at once with {} tokens each need {} for their KV caches, but "
                    "only {} are free: choose a smaller --context or --parallel",
                    server.parallel, server.context, format_bytes(needed), format_bytes(free)));
}

void wait_for_stop() {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop_token(), [] { return false; });
}

void tell(const HttpServer& server, const ServerOptions& options, bool as_json) {
  if (as_json) {
    print_json({{"address", server.address()},
                {"host", options.host},
                {"port", server.port()},
                {"model", server.model_name()},
                {"context", options.context},
                {"parallel", options.parallel},
                {"queue", options.queue},
                {"api_key", !options.api_key.empty()}});
    std::fflush(stdout);
  }
  log_line(fmt::format("serving {} at {} ({} responses at once, {} tokens each); Ctrl-C ends it",
                       server.model_name(), server.address() + "/v1", options.parallel, options.context));
  if (!server.template_problem().empty()) log_line("warning: " + server.template_problem());
  if (server.is_public())
    log_line(fmt::format("warning: every machine that reaches {} can use this server{}; nothing is encrypted",
                         options.host,
                         options.api_key.empty() ? " without a key (--api-key)" : " with the key"));
}

void run(const Options& options) {
  const ExecutionTarget target = chosen_target(options);
  OpenedModel model = open_model(options.argument());
  model.kv_cache = chosen_kv_cache(options);
  const Tokenizer& tokenizer = require_tokenizer(model, options.argument(), true); // the server's log has it
  const ServerOptions chosen = server_options(options, model);
  if (!target.in_worker()) require_memory(model, chosen);
  const auto running = load_model(target, model, chosen.context * chosen.parallel, make_control("loading"));
  end_progress();
  HttpServer server(tokenizer, *running, chosen);
  server.start();
  tell(server, chosen, options.json());
  wait_for_stop();
  log_line("ending: responses that are being written have five seconds");
  server.stop();
}

} // namespace

Verb serve_verb() {
  return {
      {"serve",
       "MODEL",
       "serves the model over HTTP, in the shape of OpenAI's API",
       {{"--host", "H", "address to listen on (default 127.0.0.1: this machine only)"},
        {"--port", "P", "port to listen on; 0: any that is free (default 8080)"},
        {"--api-key", "K",
         "key that clients must send (default: INTARSIA_API_KEY of the environment, or none)"},
        {"--name", "NAME", "the model's name for clients (default: its file's)"},
        {"--context", "N", "tokens of a prompt and its response (default: as the plan has it, else 4096)"},
        {"--parallel", "N", "responses computed at once, each with a KV cache of its own (default 4)"},
        {"--queue", "N", "requests that may wait; more are told to come again (default 64)"},
        {"--timeout", "S", "seconds that a response may take, its waiting included (default 600)"},
        kv_cache_option(),
        device_option()}},
      run};
}

} // namespace intarsia::cli
