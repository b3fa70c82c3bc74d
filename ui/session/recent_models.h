// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Models that were open before, newest first, kept from one start to the next.
#pragma once

#include <QString>
#include <vector>

namespace intarsia::ui {

struct RecentModel {
  QString path, name; // name: as its config has it
  QString facts;      // "134.5 M weights, Q4_1, 88.4 MiB"
};

std::vector<RecentModel> recent_models();
void remember_model(const RecentModel& model);
void forget_model(const QString& path); // it is not there any more

} // namespace intarsia::ui
