// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Kernels on the host: launch() once, launch_checked() under several orders of the threads.
#pragma once

#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/simt/host/machine.h"
#include "cuda/simt/simt.cuh"

namespace intarsia::simt::host {

// Bytes a kernel writes. `written`: all of them, so they are poisoned before; `updated`: some, so what they
// held is put back before each order.
struct Output {
  std::span<std::byte> bytes;
  bool poisoned;
};
template <typename Range>
Output written(Range&& range) {
  return {std::as_writable_bytes(std::span(range.data(), range.size())), true};
}
template <typename Range>
Output updated(Range&& range) {
  return {std::as_writable_bytes(std::span(range.data(), range.size())), false};
}
using Outputs = std::vector<Output>;

// Runs the launch forward, in reverse and under shuffled orders, the poison another each time, and throws
// Violation where an output's bits differ: a race, or something read or left that was never written.
void run_checked(const Launch& launch, const Outputs& outputs);

// As the linker knows it, without parameters; needs a program that exports its symbols (-rdynamic).
std::string kernel_name(const void* kernel);

template <typename... Parameters, typename... Arguments>
Launch prepare(void (*kernel)(Parameters...), Grid grid, unsigned threads, std::size_t shared_bytes,
               const Arguments&... arguments) {
  const std::string name = kernel_name(reinterpret_cast<const void*>(kernel));
  return {name, grid, threads, shared_bytes, [=] { kernel(arguments...); }};
}

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), Grid grid, unsigned threads, std::size_t shared_bytes,
            const Arguments&... arguments) {
  run(prepare(kernel, grid, threads, shared_bytes, arguments...), {});
}

template <typename... Parameters, typename... Arguments>
void launch_checked(void (*kernel)(Parameters...), Grid grid, unsigned threads, std::size_t shared_bytes,
                    const Outputs& outputs, const Arguments&... arguments) {
  run_checked(prepare(kernel, grid, threads, shared_bytes, arguments...), outputs);
}

} // namespace intarsia::simt::host
