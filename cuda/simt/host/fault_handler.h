// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Turns an access to a guard page, or a division by zero, into a sentence instead of a crash.
#pragma once

#include <csignal>
#include <vector>

namespace intarsia::simt::host {

class FaultHandler {
 public:
  // `action` runs within the signal on a stack of its own and must not return.
  using Action = void (*)(int signal, const void* address);
  explicit FaultHandler(Action action);
  ~FaultHandler();
  FaultHandler(const FaultHandler&) = delete;
  FaultHandler& operator=(const FaultHandler&) = delete;

  // While it is not armed, a fault is the harness's own and crashes as ever.
  void arm(bool armed);

 private:
  struct sigaction before_[3]{};
  stack_t stack_before_{};
  std::vector<char> stack_;
};

} // namespace intarsia::simt::host
