// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/base/error.h"
#include "core/jobs/run_selftest.h"
#include "core/tensor/kernel_check.h"
#include "core/worker/protocol/job_replies.h"
#include "core/worker/protocol/job_requests.h"

namespace intarsia::worker {
namespace {

JobResult run(const JsonObject& json, JobContext& context) {
  const SelftestRequest request = selftest_request_from(json);
  const DeviceChoice device = device_from(request.device);
  if (request.real_shapes && !device.backend)
    throw Error(ErrorKind::usage, "the shapes of real models are tested on a GPU only");
  return {to_json(device.backend ? device.backend->selftest(
                                       device.index, {request.seed, request.cases, request.real_shapes},
                                       context.control())
                                 : selftest_on_cpu({request.seed, request.cases}, context.control())),
          {}};
}

} // namespace

Job selftest_job() { return {SelftestRequest::fields, run}; }

} // namespace intarsia::worker
