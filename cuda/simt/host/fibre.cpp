// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/simt/host/fibre.h"

#include <new>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace intarsia::simt::host {
namespace {

constexpr std::size_t stack_size = std::size_t(1) << 18; // mapped, touched only as far as a kernel goes

Fibres* active = nullptr; // makecontext passes no pointers

// AddressSanitizer follows stacks only when it is told of each switch.
void announce(void** save, const void* stack, std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(save, stack, size);
#else
  (void)save, (void)stack, (void)size;
#endif
}
void arrived(void* saved, const void** from, std::size_t* size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(saved, from, size);
#else
  (void)saved, (void)from, (void)size;
#endif
}

} // namespace

Fibres::Fibres(std::size_t count)
    : contexts_(count)
    , stacks_size_(count * stack_size)
    , fake_stacks_(count, nullptr) {
  void* map =
      mmap(nullptr, stacks_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  stacks_ = static_cast<std::byte*>(map);
  active = this;
}

Fibres::~Fibres() {
  munmap(stacks_, stacks_size_);
  active = nullptr;
}

void Fibres::start(std::size_t fibre, Body body) {
  body_ = body;
  ucontext_t& context = contexts_[fibre];
  getcontext(&context);
  context.uc_stack.ss_sp = stacks_ + fibre * stack_size;
  context.uc_stack.ss_size = stack_size;
  context.uc_link = nullptr;
  fake_stacks_[fibre] = nullptr;
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(context.uc_stack.ss_sp, stack_size); // frames that were abandoned
#endif
  makecontext(&context, &Fibres::entry, 0);
}

void Fibres::entry() {
  arrived(nullptr, &active->scheduler_stack_, &active->scheduler_stack_size_);
  active->body_();
  active->abandon();
}

void Fibres::enter(std::size_t fibre) {
  running_ = fibre;
  announce(&scheduler_fake_stack_, stacks_ + fibre * stack_size, stack_size);
  swapcontext(&scheduler_, &contexts_[fibre]);
  arrived(scheduler_fake_stack_, nullptr, nullptr);
}

void Fibres::leave() {
  const std::size_t self = running_;
  announce(&fake_stacks_[self], scheduler_stack_, scheduler_stack_size_);
  swapcontext(&contexts_[self], &scheduler_);
  arrived(fake_stacks_[self], &scheduler_stack_, &scheduler_stack_size_);
}

void Fibres::abandon() {
  announce(nullptr, scheduler_stack_, scheduler_stack_size_);
  setcontext(&scheduler_);
  __builtin_unreachable();
}

} // namespace intarsia::simt::host
