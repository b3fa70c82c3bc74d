// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Parallel loops over oneTBB. Results must not depend on the number of threads: each index writes its own
// output.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace intarsia {

// Calls body(begin, end) for disjoint ranges that cover [0, count), each at least `grain` long (but the
// last). The first exception thrown by a body is rethrown here. count = 0 is fine.
void parallel_ranges(std::size_t count, std::size_t grain,
                     const std::function<void(std::size_t, std::size_t)>& body);

// Calls body(i) for every i in [0, count); for work items that are each worth a task (>= 20 microseconds).
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

// Bounds the number of worker threads while it lives; 0 means one a core.
class ThreadLimit {
 public:
  explicit ThreadLimit(std::size_t threads);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  struct Control;
  std::unique_ptr<Control> control_;
};

std::size_t thread_count();

} // namespace intarsia
