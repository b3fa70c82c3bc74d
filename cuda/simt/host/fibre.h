// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Stacks that take turns: one fibre for each thread of a block.
#pragma once

#include <cstddef>
#include <memory>
#include <ucontext.h>
#include <vector>

namespace intarsia::simt::host {

// `count` fibres over one scheduler. At most one set runs at a time in a process.
class Fibres {
 public:
  using Body = void (*)(); // must end with leave(), never return

  explicit Fibres(std::size_t count);
  ~Fibres();
  Fibres(const Fibres&) = delete;
  Fibres& operator=(const Fibres&) = delete;

  void start(std::size_t fibre, Body body); // whatever it was doing is forgotten
  void enter(std::size_t fibre);            // from the scheduler: runs it until it leaves
  void leave();                             // from a fibre: back to the scheduler
  // From a fibre, also from a signal handler on a stack of its own: as leave(), but it is never entered
  // again.
  [[noreturn]] void abandon();

 private:
  static void entry();

  std::vector<ucontext_t> contexts_;
  ucontext_t scheduler_{};
  std::byte* stacks_;
  std::size_t stacks_size_;
  std::size_t running_ = 0;
  Body body_ = nullptr;
  // What AddressSanitizer wants to know of the stacks.
  std::vector<void*> fake_stacks_;
  void* scheduler_fake_stack_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_size_ = 0;
};

} // namespace intarsia::simt::host
