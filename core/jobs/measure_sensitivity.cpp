// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/measure_sensitivity.h"

#include "core/evaluation/evaluation.h"
#include "core/jobs/load.h"
#include "core/sensitivity/own_text.h"
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
  return measure_sensitivity_here(*running, model, text_tokens, options, control, events.on_estimate);
}

Sensitivity measure_sensitivity_here(LanguageModel& running, const OpenedModel& model,
                                     std::span<const int> text_tokens, SensitivityOptions options,
                                     const JobControl& control, const OnEstimate& on_estimate) {
  options.prefix = begin_tokens(model.tokenizer.get());
  OnWeighed on_weighed;
  if (model.checkpoint)
    on_weighed = [cache = OwnTextCache(*model.checkpoint, options.prefix, options.seed)](
                     const std::vector<std::vector<int>>& sequences, const OutputGradients& gradients) {
      if (sequences[0].size() == cache.series().length) cache.store({sequences, gradients});
    };
  return estimate_sensitivity(running, model.weights(), model.config().name, text_tokens, options, control,
                              on_estimate, on_weighed);
}

} // namespace intarsia
