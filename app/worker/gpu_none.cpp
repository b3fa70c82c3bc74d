// SPDX-License-Identifier: GPL-3.0-or-later
// The worker of a build without nvcc.
#include "app/worker/gpu.h"
#include "core/base/error.h"

namespace intarsia::worker {
namespace {

constexpr const char* problem =
    "this build of Intarsia has no CUDA (no nvcc was found when it was built): go on with --device cpu";

}

OrderedJson gpu_devices(bool) {
  return {{"devices", OrderedJson::array()}, {"driver_version", 0}, {"problem", problem}};
}

std::unique_ptr<LanguageModel> load_on_gpu(int, const WeightSource&, std::size_t, std::uint64_t,
                                           const JobControl&) {
  throw Error(ErrorKind::unsupported, problem);
}

std::uint64_t gpu_sequence_bytes(const ModelConfig&, std::size_t) { return 0; }

OrderedJson gpu_usage(int) { throw Error(ErrorKind::unsupported, problem); }

void note_gpu_memory() noexcept {}

EncodeLinear gpu_encoder(int) { throw Error(ErrorKind::unsupported, problem); }

void require_gpu(int) { throw Error(ErrorKind::unsupported, problem); }

std::vector<KernelCheck> selftest_gpu(int, std::uint64_t, int, bool, const JobControl&) {
  throw Error(ErrorKind::unsupported, problem);
}

LatencyTable profile_gpu(int, const ModelConfig&, const LayerGraph&, const JobControl&) {
  throw Error(ErrorKind::unsupported, problem);
}

bool gpu_is_lost() { return false; }

} // namespace intarsia::worker
