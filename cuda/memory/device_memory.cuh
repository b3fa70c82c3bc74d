// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "cuda/memory/check.cuh"

namespace intarsia::cuda {

// Owns `count` elements of plain device memory, uninitialised.
template <typename T>
class DeviceMemory {
 public:
  DeviceMemory(std::size_t count, const char* what)
      : count_(count) {
    const std::string doing =
        "allocating " + std::to_string(count * sizeof(T)) + " bytes of device memory for " + what;
    if (count == 0) return;
    check(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(T)), doing.c_str());
  }
  ~DeviceMemory() { cudaFree(data_); }
  DeviceMemory(DeviceMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr))
      , count_(std::exchange(other.count_, 0)) {}
  DeviceMemory& operator=(DeviceMemory&&) = delete;

  T* get() const { return data_; }
  std::size_t count() const { return count_; }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

} // namespace intarsia::cuda
