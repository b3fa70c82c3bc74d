// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/device_choice.h"
#include "app/worker/jobs.h"
#include "core/base/error.h"

namespace intarsia::worker {

Job selftest_job() {
  return {{"device"}, [](const JsonObject& request, JobContext&) -> JobResult {
            if (!device_from(request).gpu)
              throw Error(ErrorKind::usage, "the CPU is the reference itself: name a GPU, cuda:0");
            throw Error(ErrorKind::unsupported, "this version has no kernels to test on a GPU yet");
          }};
}

} // namespace intarsia::worker
