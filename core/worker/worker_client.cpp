// SPDX-License-Identifier: GPL-3.0-or-later
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

WorkerClient::Life WorkerClient::present(bool start) {
  const std::lock_guard lock(mutex_);
  if (life_.connection && life_.connection->alive()) return life_;
  if (!start) return {};
  life_.connection = std::make_shared<WorkerConnection>(options_);
  ++life_.number;
  return life_;
}

WorkerAnswer WorkerClient::call(OrderedJson request, const JobControl& control, const WorkerEvents& events,
                                std::uint64_t life) {
  for (int attempt = 0;; ++attempt) {
    const Life now = present(life == 0);
    if (life != 0 && now.number != life)
      throw Error(ErrorKind::resource,
                  "the worker process that held the model has ended: load the model again");
    try {
      WorkerAnswer answer = now.connection->call(request, control, events);
      answer.life = now.number;
      return answer;
    } catch (const NotTakenUp&) {
      if (life == 0 && attempt > 0) throw;
    }
  }
}

void WorkerClient::release(const char* verb, const char* kind, std::uint64_t handle,
                           std::uint64_t life) noexcept {
  try {
    if (const Life now = present(false); now.connection && now.number == life)
      now.connection->post({{"do", verb}, {kind, handle}});
  } catch (...) {
    // Only memory could have run out.
  }
}

bool WorkerClient::lives(std::uint64_t life) { return present(false).number == life; }
std::uint64_t WorkerClient::life() { return present(true).number; }
pid_t WorkerClient::pid() { return present(true).connection->pid(); }

} // namespace intarsia
