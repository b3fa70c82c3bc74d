// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

namespace intarsia {

// Returns what was freed but kept for later to the system, where the C library can (glibc).
void give_back_free_memory();

} // namespace intarsia
