// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/worker_client.h"

#include <cstdlib>

namespace intarsia {

namespace fs = std::filesystem;

fs::path worker_program() {
  if (const char* chosen = std::getenv("INTARSIA_WORKER"); chosen && *chosen) return chosen;
  std::error_code code;
  const fs::path folder = fs::read_symlink("/proc/self/exe", code).parent_path();
  for (const fs::path& program :
       {folder / "intarsia-worker", folder / "../worker/intarsia-worker"}) // installed, in the build tree
    if (fs::exists(program, code)) return program.lexically_normal();
  throw Error(ErrorKind::resource, (folder / "intarsia-worker").string() +
                                       ": is not there, and GPUs are used through it; reinstall Intarsia, or "
                                       "go on with --device cpu");
}

WorkerClient::WorkerClient(WorkerOptions options)
    : options_(std::move(options)) {}

WorkerClient::Generation WorkerClient::current(bool start) {
  const std::lock_guard lock(mutex_);
  if (generation_.connection && generation_.connection->alive()) return generation_;
  if (!start) return {};
  generation_.connection = std::make_shared<WorkerConnection>(options_);
  ++generation_.number;
  return generation_;
}

WorkerAnswer WorkerClient::call(OrderedJson request, const JobControl& control, const WorkerEvents& events,
                                std::uint64_t generation) {
  for (int attempt = 0;; ++attempt) {
    const Generation now = current(generation == 0);
    if (generation != 0 && now.number != generation)
      throw Error(ErrorKind::resource,
                  "the worker process that held the model has ended: load the model again");
    try {
      WorkerAnswer answer = now.connection->call(request, control, events);
      answer.generation = now.number;
      return answer;
    } catch (const RequestNotStarted&) {
      if (generation == 0 && attempt > 0) throw;
    }
  }
}

void WorkerClient::release(const char* verb, const char* kind, std::uint64_t handle,
                           std::uint64_t generation) noexcept {
  try {
    if (const Generation now = current(false); now.connection && now.number == generation)
      now.connection->post({{"do", verb}, {kind, handle}});
  } catch (...) {
    // Only memory could have run out.
  }
}

bool WorkerClient::is_alive(std::uint64_t generation) { return current(false).number == generation; }
std::uint64_t WorkerClient::generation() { return current(true).number; }
pid_t WorkerClient::pid() { return current(true).connection->pid(); }

} // namespace intarsia
