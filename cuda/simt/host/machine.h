// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Executes a grid on the host, block after block: a fibre for each thread, the lanes of a warp in lockstep at
// collectives, shared memory poisoned. What a GPU would leave undefined is an error here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <string>

#include "cuda/simt/host/guarded_memory.h"

namespace intarsia::simt::host {

// A kernel broke a rule of the machine: which kernel, which thread, which line.
class Violation : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Index {
  unsigned x = 0, y = 0, z = 0;
};
struct Grid {
  unsigned x = 1, y = 1, z = 1;
};

// In which order warps, lanes and blocks take their turns. A kernel without races computes the same in each.
struct Order {
  enum class Kind { forward, reverse, shuffled } kind = Kind::forward;
  unsigned number = 0; // of the poison, and the seed where shuffled
  std::string name() const;
};

struct Launch {
  std::string kernel;
  Grid grid;
  unsigned threads = 0;
  std::size_t shared_bytes = 0;
  std::function<void()> body; // the kernel with its arguments
};

// Throws Violation. One launch at a time in a process.
void run(const Launch& launch, const Order& order);

// --- what the primitives ask of it; only within a launch

struct ThreadIndices {
  unsigned thread = 0, threads = 0;
  Index block;
  Grid grid;
};
const ThreadIndices& indices();

// Computes a collective over the 32 operands of a warp.
using WarpOperation = void (*)(void* const* lanes);

struct Arrival {
  const char* what;                  // "shuffle"
  std::source_location at;           // the kernel's line
  void* operands = nullptr;          // this lane's
  WarpOperation operation = nullptr; // null: waiting is all
  bool whole_block = false;          // a barrier of the block, not of the warp
};
// Returns when every lane of the warp (or thread of the block) has arrived and the operation is done.
void arrive(const Arrival& arrival);

std::span<std::byte> shared_memory_bytes();
// Ends the launch with a sentence about the running thread. Its fibre is left as it stands: nothing on its
// stack is destroyed.
[[noreturn]] void fail(const char* what, const std::source_location& at);

// cp.async: 16 bytes land when the thread waits for their group, and are poison until then.
void copy_async(void* shared, const void* global, bool valid, const std::source_location& at);
void commit_copies();
void wait_copies(std::size_t newest_left);

} // namespace intarsia::simt::host
