// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What an interrupted quantization into the folder `out` has left in OUT.partial.
#pragma once

#include <QString>
#include <optional>

#include "core/allocation/plan.h"
#include "core/artifact/open_model.h"

namespace intarsia::ui {

QString partial_folder(const QString& out); // OUT.partial
bool has_partial_run(const QString& out);
// The plan of that run; nullopt when it has none that can be read, or one of another model. `model`: the open
// one, or null.
std::optional<Plan> partial_plan(const QString& out, const OpenedModel* model);

} // namespace intarsia::ui
