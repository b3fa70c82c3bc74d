// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// CPU instruction sets that this folder's hand-written kernels need beyond those that Highway dispatches on.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__)
#define INTARSIA_HAVE_VNNI_CODE 1
#else
#define INTARSIA_HAVE_VNNI_CODE 0
#endif

namespace intarsia::cpu_kernels {

// AVX-512 with VNNI, VBMI and VBMI2 (Ice Lake, Zen 4 and later). Also false where a test restricts Highway to
// less than AVX-512.
bool has_vnni();

} // namespace intarsia::cpu_kernels
