// SPDX-License-Identifier: GPL-3.0-or-later
// The worker of a build without nvcc.
#include "app/worker/gpu.h"
#include "core/base/error.h"

namespace intarsia::worker {
namespace {

constexpr const char* problem =
    "this build of Intarsia has no CUDA (no nvcc was found when it was built): go on with --device cpu";

}

OrderedJson gpu_devices() {
  return {{"devices", OrderedJson::array()}, {"driver_version", 0}, {"problem", problem}};
}

std::unique_ptr<LanguageModel> load_on_gpu(int, const WeightSource&, const JobControl&) {
  throw Error(ErrorKind::unsupported, problem);
}

} // namespace intarsia::worker
