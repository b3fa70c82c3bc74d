// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One worker process from its start to its end, with its requests and replies (lines of JSON, see
// resources/help/worker-protocol.md). WorkerClient starts the next one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/worker/child_process.h"
#include "core/worker/frame_buffer.h"

namespace intarsia {

struct WorkerOptions {
  std::filesystem::path program; // intarsia-worker
  // For a job to stop, and for the worker to exit; then it is killed.
  std::chrono::milliseconds stop_timeout{5000};
  std::size_t threads = 0; // at most; 0: one per core
};

struct WorkerAnswer {
  Json result;
  std::string payload;          // raw bytes after the reply (logits); empty for most
  std::uint64_t generation = 0; // of the worker that replied
};

// The worker ended before it started the request, which can be repeated in another worker.
struct RequestNotStarted : Error {
  using Error::Error;
};

// Called for every line about a running job that is neither progress nor its result: sampled tokens,
// quantized layers.
using WorkerEvents = std::function<void(const JsonObject&)>;

class WorkerConnection {
 public:
  explicit WorkerConnection(const WorkerOptions& options); // starts the worker; throws Error{resource}
  ~WorkerConnection();                                     // ends it
  WorkerConnection(const WorkerConnection&) = delete;
  WorkerConnection& operator=(const WorkerConnection&) = delete;

  bool alive(); // accepts requests, as far as is known
  pid_t pid() const { return child_.pid(); }

  // Sends the request with an id of its own and waits for the reply. Progress and events are reported on this
  // thread. On stop the job is cancelled, and after stop_timeout the worker is killed. Throws the worker's
  // Error, Error{cancelled}, or an Error that says how the worker ended (RequestNotStarted where it had not
  // started the request).
  WorkerAnswer call(OrderedJson request, const JobControl& control, const WorkerEvents& events);
  // Sends a request and ignores its reply; no effect when the worker has ended.
  void post(OrderedJson request) noexcept;

 private:
  struct Frame {
    Json json;
    std::string payload;
  };
  struct Pending {
    std::deque<Frame> frames;
    std::condition_variable_any arrived;
    bool started = false;
  };
  class Registration;
  // The time at which the worker is killed; set once a stop was sent.
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  std::uint64_t send(OrderedJson request, Pending* pending);
  Frame wait(Pending& pending, std::uint64_t id, const std::string& verb, const JobControl& control,
             Deadline& deadline);
  void wait_for_exit();
  void read_until_end();
  void read_output();
  bool read_errors(); // false at their end
  void take_frames();
  void deliver(Frame frame);
  Error exit_error(const std::string& verb) const;

  WorkerOptions options_;
  ChildProcess child_;
  FrameBuffer frames_;         // this and the next four: used by the reader thread only
  std::optional<Json> header_; // of a reply whose payload is incomplete
  std::string bad_answer_;     // why a line was not a valid reply; empty: all were
  std::string stderr_tail_;    // the tail of its standard error
  bool output_open_ = true;

  std::mutex mutex_; // of the members below
  std::map<std::uint64_t, Pending*> pending_;
  std::uint64_t next_id_ = 1;
  bool exited_ = false;
  ChildEnd end_;
  std::condition_variable exit_noticed_;
  std::thread reader_;
};

} // namespace intarsia
