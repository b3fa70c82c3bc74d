// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/measure_sensitivity.h"

#include "core/evaluation/evaluation.h"
#include "core/jobs/load.h"
#include "core/worker/worker_jobs.h"

namespace intarsia {

Sensitivity measure_sensitivity(const ExecutionTarget& target, const OpenedModel& model,
                                std::span<const int> text_tokens, const SensitivityOptions& options,
                                const JobControl& control, const SensitivityEvents& events) {
  model.weights(); // refuses a bare config.json here
  if (target.in_worker())
    return sensitivity_in_worker(*target.worker(), target.device().id, path_of(model), text_tokens, options,
                                 control, events.on_estimate);
  const std::shared_ptr<LanguageModel> running = load(target, model, default_context(model), control);
  if (events.on_loaded) events.on_loaded(running);
  SensitivityOptions with_prefix = options;
  with_prefix.prefix = begin_tokens(model.tokenizer.get());
  return estimate_sensitivity(*running, model.weights(), model.config().name, text_tokens, with_prefix,
                              control, events.on_estimate);
}

} // namespace intarsia
