// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One allocation of device memory, laid out by an ArenaPlan; and memory of the host that the device reaches.
#pragma once

#include <cstddef>
#include <string>

#include "core/memory/cuda/arena_plan.h"
#include "cuda/memory/device_memory.cuh"

namespace intarsia::cuda {

// Throws Error{resource} when the present device has less free: `what` for how much, and what helps.
void require_device_memory(std::uint64_t bytes, const std::string& what);

class Arena {
 public:
  // `what`: for the error's sentence, "the model's weights".
  Arena(ArenaPlan plan, const std::string& what);

  const ArenaPlan& plan() const { return plan_; }
  std::uint64_t bytes() const { return plan_.bytes(); }
  bool has(const std::string& name) const { return plan_.has(name); }
  template <typename T>
  T* at(const std::string& name) const {
    return reinterpret_cast<T*>(memory_.get() + plan_.part(name).offset);
  }

 private:
  ArenaPlan plan_;
  DeviceMemory<std::byte> memory_;
};

// Page-locked, so that copies need no detour.
template <typename T>
class PinnedMemory {
 public:
  PinnedMemory(std::size_t count, const char* what) {
    check(cudaMallocHost(reinterpret_cast<void**>(&data_), count * sizeof(T)), what);
  }
  ~PinnedMemory() { cudaFreeHost(data_); }
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
  T* get() const { return data_; }

 private:
  T* data_ = nullptr;
};

} // namespace intarsia::cuda
