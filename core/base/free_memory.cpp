// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/free_memory.h"

#if defined(__GLIBC__) || __has_include(<malloc.h>)
#include <malloc.h>
#endif

namespace intarsia {

void give_back_free_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

} // namespace intarsia
