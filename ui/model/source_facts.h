// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a model's weights are stored as: a source that has lost something already is said to have.
#pragma once

#include <QString>
#include <cstdint>

#include "core/artifact/open_model.h"

namespace intarsia::ui {

struct SourceFacts {
  QString type;            // of most of its weights: "BF16", "Q4_1"; empty: there are none
  std::uint64_t bytes = 0; // of all tensors, as stored
  bool lossy = false;      // a block format: it was quantized before
};

SourceFacts source_facts(const OpenedModel& model);

QString weight_count(std::size_t weights); // "8.03 B", "134.5 M", in the user's locale
std::size_t weights_of(const OpenedModel& model);

} // namespace intarsia::ui
