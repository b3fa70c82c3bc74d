// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "core/server/scheduler.h"

namespace intarsia::server {

// Number of HTTP responses by path and status. Thread-safe.
class AnswerCounts {
 public:
  void add(const std::string& path, int status);
  std::map<std::pair<std::string, int>, std::uint64_t> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> counts_;
};

// All counts in Prometheus's text exposition format, version 0.0.4.
std::string metrics_text(const AnswerCounts& answers, const SchedulerCounts& counts);

} // namespace intarsia::server
