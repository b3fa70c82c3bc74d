// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Times of work on a stream, by the device's own clock.
#pragma once

#include <algorithm>
#include <vector>

#include "cuda/memory/stream.h"

namespace intarsia::cuda {

class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "making an event"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "recording an event"); }
  double seconds_since(const Event& start) const {
    float milliseconds = 0;
    check(cudaEventSynchronize(event_), "waiting for a kernel");
    check(cudaEventElapsedTime(&milliseconds, start.event_, event_), "reading a timer");
    return double(milliseconds) * 1e-3;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

struct Timing {
  double seconds; // the median
  double spread;  // half the distance of the quartiles
};

// Of one call of `enqueue`, which is called many times; warms up first.
template <typename Enqueue>
Timing time_of(const Stream& stream, int samples, int launches, const Enqueue& enqueue) {
  Event start, stop;
  std::vector<double> times;
  for (int sample = -2; sample < samples; ++sample) { // the first two warm up
    start.record(stream);
    for (int i = 0; i < launches; ++i) enqueue();
    stop.record(stream);
    const double seconds = stop.seconds_since(start) / launches;
    if (sample >= 0) times.push_back(seconds);
  }
  std::sort(times.begin(), times.end());
  const auto at = [&](double part) { return times[std::size_t(part * double(times.size() - 1))]; };
  return {at(0.5), (at(0.75) - at(0.25)) / 2};
}

} // namespace intarsia::cuda
