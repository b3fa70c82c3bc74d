// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/http_server.h"

#include <mutex>
#include <thread>

#include "core/base/error.h"
#include "core/server/endpoints.h"
#include "core/server/listener.h"

namespace intarsia {
namespace {

void check(const ServerOptions& options, const ModelConfig& config) {
  const auto require = [](bool holds, const std::string& sentence) {
    if (!holds) throw Error(ErrorKind::usage, sentence);
  };
  require(!options.host.empty(), "the server's host is empty");
  require(options.port >= 0 && options.port <= 65535, "the server's port must lie between 0 and 65535");
  require(options.parallel >= 1 && options.parallel <= 256, "a server computes 1 to 256 responses at once");
  require(options.queue <= 4096, "at most 4096 requests may wait");
  require(options.context >= 2 && options.context <= config.max_positions,
          "the server's context must lie between 2 and the model's " + std::to_string(config.max_positions) +
              " tokens");
  require(options.max_body_bytes >= 1024, "the largest request body must be at least 1024 bytes");
  for (const char letter : options.api_key)
    require(letter > ' ' && letter < 127,
            "an API key is made of letters, digits and punctuation, without spaces");
}

} // namespace

class HttpServer::Impl {
 public:
  Impl(const Tokenizer& tokenizer, LanguageModel& model, ServerOptions options)
      : tokenizer_(tokenizer)
      , model_(model)
      , options_(std::move(options))
      , template_problem_(ChatPrompt(tokenizer).problem()) {
    check(options_, model.config());
    if (options_.model_name.empty()) options_.model_name = model.config().name;
    if (options_.model_name.empty()) options_.model_name = "model";
  }
  ~Impl() { stop({}); }

  void start() {
    const std::lock_guard lock(changing_);
    if (running()) return;
    auto run = std::make_shared<Run>(*this);
    run->port = run->listener.bind(options_.host, options_.port);
    run->endpoints.install(run->listener);
    run->thread = std::thread([&listener = run->listener] { listener.listen_after_bind(); });
    while (!run->listener.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    set(std::move(run));
    if (!options_.log) return;
    for (const std::string& warning : tokenizer_.spec().warnings) options_.log("warning: " + warning);
  }

  void stop(std::chrono::milliseconds timeout) {
    const std::lock_guard lock(changing_);
    const std::shared_ptr<Run> run = running();
    if (!run) return;
    run->scheduler.close(timeout);
    // Answers that are still being written: their ends are short.
    for (int i = 0; i < 200 && run->endpoints.in_flight() > 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    run->listener.close_connections();
    run->listener.stop();
    run->thread.join();
    set(nullptr);
  }

  int port() const {
    const auto run = running();
    return run ? run->port : 0;
  }
  ServerStatus status() const {
    const auto run = running();
    if (!run) return {};
    const server::SchedulerCounts counts = run->scheduler.counts();
    return {
        true, counts.active, counts.waiting, counts.finished, counts.prompt_tokens, counts.generated_tokens};
  }
  const ServerOptions& options() const { return options_; }
  const std::string& template_problem() const { return template_problem_; }

 private:
  // From one start() to the next stop().
  struct Run {
    explicit Run(Impl& impl)
        : scheduler(impl.model_, impl.tokenizer_,
                    {impl.options_.context, impl.options_.parallel, impl.options_.queue})
        , api(scheduler, impl.tokenizer_, impl.model_.config(), impl.options_.model_name)
        , endpoints(api, scheduler, impl.options_, !server::is_loopback(impl.options_.host))
        // A thread a connection: those that are answered, that wait, and some that ask something else.
        , listener({impl.options_.parallel + impl.options_.queue + 32, impl.options_.request_timeout}) {}

    server::Scheduler scheduler;
    server::Api api;
    server::Endpoints endpoints;
    server::Listener listener;
    std::thread thread;
    int port = 0;
  };

  // Never held for long: status() must not wait for a stop().
  std::shared_ptr<Run> running() const {
    const std::lock_guard lock(mutex_);
    return run_;
  }
  void set(std::shared_ptr<Run> run) {
    const std::lock_guard lock(mutex_);
    run_ = std::move(run);
  }

  const Tokenizer& tokenizer_;
  LanguageModel& model_;
  ServerOptions options_;
  const std::string template_problem_;
  std::mutex changing_; // held by start() and stop()
  mutable std::mutex mutex_;
  std::shared_ptr<Run> run_;
};

HttpServer::HttpServer(const Tokenizer& tokenizer, LanguageModel& model, ServerOptions options)
    : impl_(std::make_unique<Impl>(tokenizer, model, std::move(options))) {}
HttpServer::~HttpServer() = default;

void HttpServer::start() { impl_->start(); }
void HttpServer::stop(std::chrono::milliseconds timeout) { impl_->stop(timeout); }
int HttpServer::port() const { return impl_->port(); }
bool HttpServer::is_public() const { return !server::is_loopback(impl_->options().host); }
const std::string& HttpServer::model_name() const { return impl_->options().model_name; }
const std::string& HttpServer::template_problem() const { return impl_->template_problem(); }
ServerStatus HttpServer::status() const { return impl_->status(); }

std::string HttpServer::address() const {
  const int port = impl_->port();
  if (port == 0) return "";
  const std::string& host = impl_->options().host;
  return "http://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
         std::to_string(port);
}

} // namespace intarsia
