// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/jobs.h"

#include <memory>

#include "app/worker/backends.h"

namespace intarsia::worker {

JobControl JobContext::control() {
  using Clock = std::chrono::steady_clock;
  auto next = std::make_shared<Clock::time_point>();
  return {[this, next](const Progress& progress) {
            const auto now = Clock::now();
            if (now < *next && progress.done < progress.total) return;
            *next = now + std::chrono::milliseconds(50);
            note_device_memory(); // a job's own sequences are there now, and gone when it has ended
            event({{"progress",
                    {{"stage", progress.stage}, {"done", progress.done}, {"total", progress.total}}}});
          },
          stop_};
}

void JobContext::event(OrderedJson line) {
  OrderedJson whole{{"id", id_}};
  whole.update(line);
  output_.send(whole);
}

std::map<std::string, Job> all_jobs() {
  return {{"devices", devices_job()},   {"load", load_job()},
          {"unload", unload_job()},     {"sequence", sequence_job()},
          {"close", close_job()},       {"forward", forward_job()},
          {"generate", generate_job()}, {"evaluate", evaluate_job()},
          {"quantize", quantize_job()}, {"profile", profile_job()},
          {"selftest", selftest_job()}, {"memory", memory_job()},
          {"usage", usage_job()},       {"sensitivity", sensitivity_job()}};
}

} // namespace intarsia::worker
