// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Jobs in a process of their own. A job that takes the process with it ends alone: the next request starts a
// fresh worker.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "core/worker/worker_connection.h"

namespace intarsia {

// intarsia-worker beside this program; the environment's INTARSIA_WORKER overrides it. Throws
// Error{resource} when it is not there.
std::filesystem::path worker_program();

// Thread-safe: requests of several threads are done one after another.
class WorkerClient {
 public:
  explicit WorkerClient(WorkerOptions options); // starts nothing yet

  // As WorkerConnection::call, in whichever worker lives, or a fresh one where that has just died.
  // `generation`: in this one only, for requests about what it holds; throws Error{resource} when it has
  // ended.
  WorkerAnswer call(OrderedJson request, const JobControl& control = {}, const WorkerEvents& events = {},
                    std::uint64_t generation = 0);
  // Tells that worker, where it still lives, that something it holds is not needed any more: {"do": verb,
  // kind: handle}. For destructors: where it cannot be told, it frees everything when it ends.
  void release(const char* verb, const char* kind, std::uint64_t handle, std::uint64_t generation) noexcept;

  bool is_alive(std::uint64_t generation); // that worker still takes requests, as far as can be known
  std::uint64_t generation();              // number of the worker that a call would go to; starts it
  pid_t pid();                             // of the same

 private:
  struct Generation {
    std::uint64_t number = 0;
    std::shared_ptr<WorkerConnection> connection;
  };
  Generation present(bool start);

  WorkerOptions options_;
  std::mutex mutex_;
  Generation generation_;
};

} // namespace intarsia
