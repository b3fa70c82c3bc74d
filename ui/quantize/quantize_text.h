// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the quantize page says.
#pragma once

#include <QString>
#include <optional>

#include "ui/session/studio_session.h"

namespace intarsia::ui {

bool same_choices(const Plan& a, const Plan& b); // the same quantizer for every layer

QString plan_summary(const Plan& plan); // "4.00 bits per weight, 1.2 GiB in memory"
// The predicted loss, and whether it is that of the calibration that is chosen.
QString predicted_text(const Plan& plan, const Calibration& calibration);
QString
progress_text(const Quantization& quantization); // of the running job: stage, layers, percent, time left

// Why there is nothing to quantize yet; empty: there is.
QString reason_not_to_quantize(StudioSession& session);

// What a person should know of the source before quantizing: that it was quantized before, or that the result
// will be larger than the file. Empty: nothing.
QString source_warning(const OpenedModel& opened, const Plan& plan);

// The table of what was predicted and measured, as HTML.
QString result_table(StudioSession& session);

} // namespace intarsia::ui
