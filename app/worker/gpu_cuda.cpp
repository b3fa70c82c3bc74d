// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/worker/gpu.h"
#include "core/base/error.h"
#include "cuda/device_query.h"

namespace intarsia::worker {
namespace {

constexpr int bandwidth_megabytes = 256; // larger than any L2, small beside any card's memory

std::string name_of(int index) { return "cuda:" + std::to_string(index); }

} // namespace

OrderedJson gpu_devices() {
  const auto report = cuda::query_devices();
  OrderedJson list = OrderedJson::array();
  for (const auto& device : report.devices)
    list.push_back({{"id", name_of(device.index)},
                    {"name", device.name},
                    {"memory_total", device.memory_total},
                    {"memory_free", device.memory_free},
                    {"capability",
                     std::to_string(device.capability_major) + "." + std::to_string(device.capability_minor)},
                    {"multiprocessors", device.multiprocessors},
                    {"bandwidth", cuda::measure_copy_bandwidth(device.index, bandwidth_megabytes)}});
  return {{"devices", list}, {"driver_version", report.driver_version}, {"problem", report.problem}};
}

std::unique_ptr<LanguageModel> load_on_gpu(int index, const WeightSource&, const JobControl&) {
  const auto report = cuda::query_devices();
  if (!report.problem.empty()) throw Error(ErrorKind::resource, name_of(index) + ": " + report.problem);
  if (std::size_t(index) >= report.devices.size())
    throw Error(ErrorKind::resource, "there is no GPU " + name_of(index) + "; the last one is " +
                                         name_of(int(report.devices.size()) - 1));
  // The CUDA backend's load goes here.
  throw Error(ErrorKind::unsupported,
              name_of(index) + " (" + report.devices[std::size_t(index)].name +
                  "): this version computes on the CPU only; go on with --device cpu");
}

} // namespace intarsia::worker
