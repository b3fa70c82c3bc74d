// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/cpu_features.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/runtime/cpu_kernels/cpu_features.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace intarsia::cpu_kernels::HWY_NAMESPACE {

bool IsAvx512() { return HWY_TARGET == HWY_AVX3; }

} // namespace intarsia::cpu_kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia::cpu_kernels {

HWY_EXPORT(IsAvx512);

// Asked for every panel: hwy::SupportedTargets() would execute CPUID each time, which a virtual machine
// traps.
bool has_vnni() {
#if INTARSIA_HAVE_VNNI_CODE
  static const bool here = __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi") &&
                           __builtin_cpu_supports("avx512vbmi2");
  return here && HWY_DYNAMIC_DISPATCH(IsAvx512)();
#else
  return false;
#endif
}

} // namespace intarsia::cpu_kernels
#endif
