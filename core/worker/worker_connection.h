// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One generation of a worker: from its start to its end. WorkerClient starts the next.
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
  std::filesystem::path program;                // intarsia-worker
  std::chrono::milliseconds stop_timeout{5000}; // for a job to follow its stop, and for the worker to end
  std::size_t threads = 0;                      // at most; 0: one a core
};

struct WorkerAnswer {
  Json result;
  std::string payload;          // raw bytes behind the answer; empty for most
  std::uint64_t generation = 0; // number of the worker that gave it
};

// The worker ended before it took the request up: nothing has happened, and another may be asked.
struct RequestNotStarted : Error {
  using Error::Error;
};

// A line about a running job that is neither its progress nor its end: tokens, layers.
using WorkerEvents = std::function<void(const JsonObject&)>;

class WorkerConnection {
 public:
  explicit WorkerConnection(const WorkerOptions& options); // throws Error{resource}
  ~WorkerConnection();                                     // ends the worker
  WorkerConnection(const WorkerConnection&) = delete;
  WorkerConnection& operator=(const WorkerConnection&) = delete;

  bool alive(); // takes requests, as far as can be known
  pid_t pid() const { return child_.pid(); }

  // Sends the request, gives it an id, and waits for its answer. Progress and events are called on this
  // thread. A stop cancels the job and, where that does not help in time, kills the worker. Throws the
  // worker's Error, Error{cancelled}, or one that says how the worker ended, RequestNotStarted where it can.
  WorkerAnswer call(OrderedJson request, const JobControl& control, const WorkerEvents& events);
  // Sends a request whose answer is of no interest, if it can be sent.
  void post(OrderedJson request) noexcept;

 private:
  struct Frame {
    Json json;
    std::string payload;
  };
  struct Pending {
    std::deque<Frame> frames;
    std::condition_variable_any came;
    bool taken_up = false;
  };
  class Registration;
  // Set once a stop was passed on: when the worker is killed.
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  std::uint64_t send(OrderedJson request, Pending* pending);
  Frame wait(Pending& pending, std::uint64_t id, const std::string& verb, const JobControl& control,
             Deadline& deadline);
  void await_death();
  void read_until_end();
  void read_output();
  bool read_errors(); // false at their end
  void take_frames();
  void deliver(Frame frame);
  Error how_it_ended(const std::string& verb) const;

  WorkerOptions options_;
  ChildProcess child_;
  FrameBuffer frames_;         // of the reader, as are the next four
  std::optional<Json> header_; // whose bytes are still to come
  std::string bad_answer_;     // why what came is not an answer
  std::string stderr_tail_;    // the tail of its standard error
  bool output_open_ = true;

  std::mutex mutex_; // of all below
  std::map<std::uint64_t, Pending*> pending_;
  std::uint64_t next_id_ = 1;
  bool dead_ = false;
  ChildEnd end_;
  std::condition_variable died_;
  std::thread reader_;
};

} // namespace intarsia
