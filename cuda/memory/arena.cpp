// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/memory/arena.h"

#include "core/base/error.h"

namespace intarsia::cuda {
namespace {

std::string mebibytes(std::uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

} // namespace

void require_device_memory(std::uint64_t bytes, const std::string& what) {
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free device memory");
  if (bytes <= free) return;
  throw Error(ErrorKind::resource, "the GPU has " + mebibytes(free) + " free of " + mebibytes(total) +
                                       ", and " + what + " needs " + mebibytes(bytes) +
                                       ": close other programs that use it, choose a smaller context or a "
                                       "smaller memory budget, or go on with --device cpu");
}

Arena::Arena(ArenaPlan plan, const std::string& what)
    : plan_(std::move(plan))
    , memory_((require_device_memory(plan_.bytes(), what), plan_.bytes()), what.c_str()) {}

} // namespace intarsia::cuda
