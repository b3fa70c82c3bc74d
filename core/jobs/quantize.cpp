// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/jobs/quantize.h"

#include "core/base/error.h"
#include "core/worker/worker_jobs.h"

namespace intarsia {

void quantize(const ExecutionTarget& target, const OpenedModel& model, const Plan& plan,
              const std::filesystem::path& out, const QuantizeOptions& options, const JobControl& control) {
  if (!model.checkpoint)
    throw Error(ErrorKind::usage, path_of(model).string() + " is quantized already; name the original model");
  if (!target.in_worker()) return quantize_model(*model.checkpoint, plan, out, options, control);
  quantize_in_worker(*target.worker(), target.device().id, model.checkpoint->path(), plan, out, options,
                     control);
}

} // namespace intarsia
