// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What was decided about a model's plan, kept from one start to the next.
#pragma once

#include <QString>
#include <optional>

#include "ui/session/plan_inputs.h"

namespace intarsia::ui {

void save_inputs(const QString& model_path, const PlanInputs& inputs);
// Nothing when nothing was saved of this model, or it cannot be read. A latency budget is not kept: it
// belongs to a table.
std::optional<PlanInputs> saved_inputs(const QString& model_path);

} // namespace intarsia::ui
