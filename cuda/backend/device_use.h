// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What this process takes of a GPU's memory beside what its plans say, and the most it has taken so far. No
// CUDA type shows here.
#pragma once

#include <cstdint>
#include <string>

#include "core/memory/cuda/memory_plan.h"

namespace intarsia::cuda {

// Bytes. What is loaded only when it is first used (other kernels of cuBLAS than the one tried) is not in it.
struct DeviceOverhead {
  std::uint64_t context = 0; // CUDA's own, with this program's kernels; 0 when nobody tells
  std::uint64_t cublas = 0;  // its handle and kernels; its workspace is in the plans
  std::uint64_t total() const { return context + cublas; }
};

// As the driver's library knows the GPU; empty when there is none of that number. Makes no context.
std::string pci_bus_id(int device);

class DeviceUse {
 public:
  // Makes CUDA's context, starts cuBLAS once, and gives all but the context back. `context_bytes`: what the
  // context took, which CUDA itself cannot tell, as asking it makes one.
  DeviceUse(int device, std::uint64_t context_bytes);

  const DeviceOverhead& overhead() const { return overhead_; }
  // Throws Error{resource} that names the amounts when a model planned so does not fit now, beside whatever
  // is on the device. `context`: of the plan's sequence; 0: it has none. `reserved`: bytes that
  // sequences of other models will take, for which there was room when those were loaded.
  void require_room(const DeviceMemoryPlan& plan, std::size_t context, std::uint64_t reserved) const;

  void note() noexcept; // looks how much is taken
  // The most that was, whenever it was looked. Other programs that came or went meanwhile are counted.
  std::uint64_t peak() const { return overhead_.context + (free_at_start_ - min_free_); }

 private:
  void measure_cublas();

  int device_;
  DeviceOverhead overhead_;
  std::uint64_t cublas_to_come_ = 0; // that part of it which each model takes again
  std::uint64_t free_at_start_ = 0, min_free_ = 0;
};

} // namespace intarsia::cuda
