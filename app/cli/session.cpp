// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/cli/session.h"

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/jobs/load.h"
#include "core/jobs/memory.h"

namespace intarsia::cli {
namespace {

bool line_open = false;

// What SIGINT and SIGTERM ask for. Signals are taken by a thread of their own, so that a stop reaches a job
// whatever it is doing.
struct StopRequests {
  std::mutex mutex;
  std::stop_source source;
  bool terminated = false; // by SIGTERM: the whole program is to end
};

StopRequests& stop_requests() {
  static StopRequests requests;
  return requests;
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

void wait_for_signals() {
  const sigset_t set = stop_signals();
  for (;;) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) continue;
    StopRequests& requests = stop_requests();
    const std::lock_guard lock(requests.mutex);
    if (requests.source.stop_requested()) ::_exit(1);
    requests.terminated = signal == SIGTERM;
    requests.source.request_stop();
  }
}

std::string duration(double seconds) {
  if (seconds < 60) return fmt::format("{:.0f} s", seconds);
  if (seconds < 3600)
    return fmt::format("{:.0f} min {:02.0f} s", std::floor(seconds / 60), std::fmod(seconds, 60));
  return fmt::format("{:.0f} h {:02.0f} min", std::floor(seconds / 3600), std::fmod(seconds / 60, 60));
}

class Printer {
 public:
  explicit Printer(std::string what)
      : what_(std::move(what))
      , terminal_(isatty(STDERR_FILENO) != 0) {}

  void operator()(const Progress& progress) {
    const auto now = std::chrono::steady_clock::now();
    const double part = progress.total > 0 ? progress.done / progress.total : 0;
    if (terminal_) {
      if (line_open && now - last_ < std::chrono::milliseconds(100) && part < 1) return;
      last_ = now;
      const double elapsed = std::chrono::duration<double>(now - start_).count();
      const std::string left = part > 0.02 ? ", " + duration(elapsed * (1 - part) / part) + " left" : "";
      std::fputs(fmt::format("\r\033[K{} {:3.0f} %{}  {}", what_, 100 * part, left, progress.stage).c_str(),
                 stderr);
      line_open = true;
    } else if (int(part * 10) > tenths_ && now - last_ > std::chrono::seconds(5)) {
      tenths_ = int(part * 10);
      last_ = now;
      std::fputs(fmt::format("{} {:.0f} %\n", what_, 100 * part).c_str(), stderr);
    }
  }

 private:
  std::string what_;
  bool terminal_;
  int tenths_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_ = start_;
};

} // namespace

void install_signal_handlers() {
  std::signal(SIGPIPE, SIG_IGN); // a reader that leaves is a write error, not a death
  std::signal(SIGXFSZ, SIG_IGN); // so is a file that may not grow
  stop_requests();               // made before the thread that uses it
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr); // inherited by every later thread
  std::thread(wait_for_signals).detach();
}

std::stop_token stop_token() {
  const std::lock_guard lock(stop_requests().mutex);
  return stop_requests().source.get_token();
}

bool go_on_after_stop() {
  const std::lock_guard lock(stop_requests().mutex);
  if (stop_requests().terminated) return false;
  stop_requests().source = std::stop_source();
  return true;
}

JobControl make_control(const std::string& what) {
  auto printer = std::make_shared<Printer>(what);
  return {[printer](const Progress& progress) { (*printer)(progress); }, stop_token()};
}

void end_progress() {
  if (line_open) std::fputs("\r\033[K", stderr);
  line_open = false;
}

void print_json(const OrderedJson& json) {
  std::puts(json.dump(2, ' ', false, OrderedJson::error_handler_t::replace).c_str());
}

OptionSpec device_option() { return {"--device", "cpu|cuda:N", "device to compute on (default: cpu)"}; }

OptionSpec kv_cache_option() {
  return {"--kv-cache", "f16|q8", "how the KV cache is held on the CPU (default: as the plan has it)"};
}

std::optional<KvPrecision> chosen_kv_cache(const Options& options) {
  const auto text = options.text("--kv-cache");
  if (!text) return std::nullopt;
  return parse_kv_precision(*text);
}

ExecutionTarget chosen_target(const Options& options) {
  return ExecutionTarget(find_device(options.text("--device").value_or("")),
                         options.count_or("--threads", 1, 4096, 0));
}

Device chosen_device(const Options& options) {
  Device device = find_device(options.text("--device").value_or(""));
  if (device.kind != DeviceKind::cpu)
    throw Error(ErrorKind::unsupported,
                "this is computed on the CPU only: leave --device " + device.id + " out");
  return device;
}

std::unique_ptr<LanguageModel> load_model(const ExecutionTarget& target, const OpenedModel& model,
                                          std::size_t context, const JobControl& control) {
  auto loaded = load(target, model, context, control);
  if (!loaded->note().empty()) {
    end_progress();
    fmt::print(stderr, "intarsia: {}: {}\n", target.device().id, loaded->note());
  }
  return loaded;
}

OrderedJson memory_json(const ExecutionTarget& target, std::span<const OpenedModel* const> models,
                        std::size_t context, OrderedJson on_cpu) {
  OrderedJson predicted = std::move(on_cpu);
  if (const auto bytes = predicted_memory(target, models, context)) predicted = *bytes;
  return {{"predicted_bytes", std::move(predicted)}, {"peak_bytes", peak_memory(target)}};
}

const Tokenizer& require_tokenizer(const OpenedModel& model, const std::string& path, bool quiet) {
  if (!model.tokenizer) throw input_error(path + ": has no tokenizer; put tokenizer.json beside the model");
  static std::set<std::string> told;
  if (!quiet)
    for (const std::string& warning : model.tokenizer->spec().warnings)
      if (told.insert(warning).second)
        std::fputs(fmt::format("intarsia: warning: {}\n", warning).c_str(), stderr);
  return *model.tokenizer;
}

std::vector<int> read_tokens(const OpenedModel& model, const std::string& model_path,
                             const std::string& text_path) {
  Tokenizer::EncodeOptions options;
  options.add_special = false;
  const auto tokens = require_tokenizer(model, model_path).encode(read_corpus(text_path), options);
  if (tokens.size() < 2) throw input_error(text_path + ": has fewer than 2 tokens");
  return tokens;
}

} // namespace intarsia::cli
