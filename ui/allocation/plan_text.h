// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a plan is worth, in words before figures.
#pragma once

#include <QString>

#include "ui/session/studio_session.h"

namespace intarsia::ui {

// "about 9 % more perplexity than the original"; the loss is in nats per token.
QString perplexity_text(double loss);
// "3.2 times less loss than TCQ-4 in every layer"
QString comparison_text(const Plan& plan, const Plan& single);

// One line under the heatmap: comparison, percent, unit; speed where it is known.
QString plan_worth(StudioSession& session);
// The table behind it: averages, bound, gap, what is outside the blocks.
QString plan_details(StudioSession& session);

// How far the sensitivities are: "Provisional: …", with the time left while they are measured. Empty:
// measured.
QString sensitivity_text(const Sensitivities& sensitivities);

// Instead of a plan, where there is none and nothing is shown.
QString empty_text(StudioSession& session);

} // namespace intarsia::ui
