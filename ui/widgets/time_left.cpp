// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "ui/widgets/time_left.h"

#include <QObject>
#include <cmath>

namespace intarsia::ui {

QString time_left(double seconds) {
  if (seconds < 0) return {};
  if (seconds < 90) return QObject::tr("%1 s left").arg(int(std::ceil(seconds)));
  return QObject::tr("%1 min left").arg(int(std::ceil(seconds / 60)));
}

} // namespace intarsia::ui
