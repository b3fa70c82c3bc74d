// SPDX-License-Identifier: GPL-3.0-or-later
// Instruction sets beyond what Highway dispatches on.
#pragma once

#include <hwy/highway.h>

namespace intarsia::cpu_kernels {

#if HWY_ARCH_X86_64 && defined(__GNUC__)
#define INTARSIA_HAVE_VNNI_CODE 1
// AVX-512 with VNNI, VBMI and VBMI2 (Ice Lake, Zen 4 and later). False too where a test holds Highway to
// less.
inline bool has_vnni() {
  static const bool here = __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi") &&
                           __builtin_cpu_supports("avx512vbmi2");
  return here && (hwy::SupportedTargets() & HWY_AVX3) != 0;
}
#else
#define INTARSIA_HAVE_VNNI_CODE 0
inline bool has_vnni() { return false; }
#endif

} // namespace intarsia::cpu_kernels
