// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/simt/host/fault_handler.h"

namespace intarsia::simt::host {
namespace {

constexpr int signals[3] = {SIGSEGV, SIGBUS, SIGFPE};
FaultHandler::Action current_action = nullptr;
volatile std::sig_atomic_t is_armed = 0;

void handle(int number, siginfo_t* info, void*) {
  if (!is_armed) {
    std::signal(number, SIG_DFL);
    return; // the access repeats and crashes
  }
  is_armed = 0;
  current_action(number, info->si_addr);
}

} // namespace

FaultHandler::FaultHandler(Action action)
    : stack_(std::size_t(1) << 16) {
  current_action = action;
  stack_t stack{};
  stack.ss_sp = stack_.data();
  stack.ss_size = stack_.size();
  sigaltstack(&stack, &stack_before_);
  struct sigaction handler {};
  handler.sa_sigaction = &handle;
  handler.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&handler.sa_mask);
  for (int i = 0; i < 3; ++i) sigaction(signals[i], &handler, &before_[i]);
}

FaultHandler::~FaultHandler() {
  for (int i = 0; i < 3; ++i) sigaction(signals[i], &before_[i], nullptr);
  sigaltstack(&stack_before_, nullptr);
}

void FaultHandler::arm(bool armed) { is_armed = armed; }

} // namespace intarsia::simt::host
