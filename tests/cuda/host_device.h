// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Quantizing as on a device, on the host's harness.
#pragma once

#include <algorithm>
#include <memory>

#include "cuda/encode/linear_encoder.cuh"
#include "tests/cuda/kernel_test.h"

namespace intarsia::test {

// What LinearEncoder asks of a device, in guarded memory and one order of threads.
struct HostDevice {
  template <typename T>
  class Memory {
   public:
    Memory(std::size_t count, const char* what)
        : buffer_(std::make_unique<Buffer<T>>(std::max<std::size_t>(count, 1), what)) {}
    T* get() const { return buffer_->data(); }

   private:
    std::unique_ptr<Buffer<T>> buffer_;
  };

  std::size_t blocks() const { return 3; }
  template <typename... Parameters, typename... Arguments>
  void launch(const char*, void (*kernel)(Parameters...), cuda::Blocks blocks, int threads,
              std::size_t shared_bytes, const Arguments&... arguments) const {
    simt::host::launch(kernel, {blocks.x, blocks.y}, unsigned(threads), shared_bytes, arguments...);
  }
  template <typename T>
  void upload(T* to, const T* from, std::size_t count, const char*) const {
    std::copy_n(from, count, to);
  }
  template <typename T>
  void download(T* to, const T* from, std::size_t count, const char*) const {
    std::copy_n(from, count, to);
  }
  template <typename T>
  void clear(T* to, std::size_t count, const char*) const {
    std::fill_n(to, count, T());
  }
  void wait() const {}
};

} // namespace intarsia::test
