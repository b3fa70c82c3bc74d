// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The worker of this build, for tests.
#pragma once

#include <chrono>
#include <fstream>
#include <memory>
#include <string>

#include "core/worker/worker_client.h"
#include "tests/support/paths.h"
#include "tests/support/test_support.h"

namespace intarsia::test {

inline std::shared_ptr<WorkerClient>
worker_client(std::chrono::milliseconds stop_timeout = std::chrono::seconds(5)) {
  return std::make_shared<WorkerClient>(WorkerOptions{INTARSIA_WORKER, stop_timeout, 0});
}

// 'R', 'S', 'Z' … as /proc shows it; 0 when there is no such process.
inline char process_state(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');
  return name_end == std::string::npos ? char(0) : text[name_end + 2];
}

} // namespace intarsia::test
