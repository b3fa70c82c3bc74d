// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Client of the worker process, which it starts when needed. When a worker crashes, the request in progress
// fails and the next one starts a new worker.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "core/worker/worker_connection.h"

namespace intarsia {

// Path of the worker program: INTARSIA_WORKER in the environment, else intarsia-worker in the folder of this
// program. Throws Error{resource} when it is missing.
std::filesystem::path worker_program();

// Thread-safe: requests of several threads are executed one after another. Workers are numbered by
// *generation*, 1 for the first; handles of models and sequences are valid in the generation that issued them
// only.
class WorkerClient {
 public:
  explicit WorkerClient(WorkerOptions options); // starts no process

  // As WorkerConnection::call(). `generation` 0: in the current worker, or a new one where that has ended;
  // else in that generation only, for requests with its handles: throws Error{resource} when it has ended.
  WorkerAnswer call(OrderedJson request, const JobControl& control = {}, const WorkerEvents& events = {},
                    std::uint64_t generation = 0);
  // Sends {"do": verb, kind: handle} to that generation, to free a model or sequence, without waiting for the
  // reply. No effect when it has ended. For destructors.
  void release(const char* verb, const char* kind, std::uint64_t handle, std::uint64_t generation) noexcept;

  bool is_alive(std::uint64_t generation); // whether that worker accepts requests, as far as is known
  std::uint64_t generation();              // of the current worker, which is started if there is none
  pid_t pid();                             // of the current worker, likewise

 private:
  struct Generation {
    std::uint64_t number = 0;
    std::shared_ptr<WorkerConnection> connection;
  };
  Generation current(bool start); // `start`: starts a worker if there is none; else number 0 then

  WorkerOptions options_;
  std::mutex mutex_;
  Generation generation_;
};

} // namespace intarsia
