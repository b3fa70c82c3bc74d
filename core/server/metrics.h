// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "core/server/scheduler.h"

namespace intarsia::server {

// HTTP answers by path and status.
class AnswerCounts {
 public:
  void add(const std::string& path, int status);
  std::map<std::pair<std::string, int>, std::uint64_t> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> counts_;
};

// In Prometheus's text format, version 0.0.4.
std::string metrics_text(const AnswerCounts& answers, const SchedulerCounts& counts);

} // namespace intarsia::server
