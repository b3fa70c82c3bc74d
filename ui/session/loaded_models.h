// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The models in memory, the original and the one quantized from it, which chat and measurements share.
#pragma once

#include <memory>
#include <utility>

#include "core/artifact/open_model.h"
#include "ui/session/job_runner.h"

namespace intarsia::ui {

struct RunningModel {
  std::shared_ptr<const OpenedModel> opened;
  std::shared_ptr<LanguageModel> model;
  explicit operator bool() const { return model != nullptr; }
};

struct LoadedModels {
  RunningModel original, quantized;

  // Lets go of both, and of `more` that uses them, off the GUI thread: a worker whose last model goes is
  // waited for.
  void drop(std::shared_ptr<void> more = nullptr) {
    struct Dropped {
      RunningModel original, quantized;
      std::shared_ptr<void> user; // last: it goes first
    };
    dropper_.start([dropped = Dropped{std::exchange(original, {}), std::exchange(quantized, {}),
                                      std::move(more)}](const JobControl&) { return JobRunner::Finish(); });
  }

 private:
  JobRunner dropper_;
};

} // namespace intarsia::ui
