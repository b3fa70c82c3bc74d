// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/progress.h"

#include "core/base/error.h"

namespace intarsia {

void JobControl::throw_if_stopped() const {
  if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "cancelled");
}

} // namespace intarsia
