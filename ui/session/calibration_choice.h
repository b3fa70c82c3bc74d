// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a quantization is calibrated on, as a person chooses it.
#pragma once

#include <QString>
#include <optional>

#include "core/artifact/calibration_text.h"
#include "core/text/tokenizer.h"

namespace intarsia::ui {

enum class CalibrateOn { own, file, none };

struct Calibration {
  CalibrateOn text = CalibrateOn::own;
  QString file;                                    // with CalibrateOn::file
  std::size_t tokens = CalibrationChoice{}.tokens; // used at most

  bool rounds_with_feedback() const { return text != CalibrateOn::none; }
  bool complete() const { return text != CalibrateOn::file || !file.isEmpty(); }
};
bool operator==(const Calibration& a, const Calibration& b);

// For the quantize job; nothing: without calibration. Reads and encodes the file. Throws Error naming it when
// it cannot be read or is too short.
std::optional<CalibrationChoice> calibration_choice(const Calibration& calibration,
                                                    const Tokenizer* tokenizer);

// What an interrupted run into the folder `out` was calibrated on, which its resumption needs: kept in the
// settings, because the artifact in the making names the text but does not say where it is.
void save_calibration(const QString& out, const Calibration& calibration);
Calibration saved_calibration(const QString& out); // the default when nothing was saved
void forget_calibration(const QString& out);

} // namespace intarsia::ui
