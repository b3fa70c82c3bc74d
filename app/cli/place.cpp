// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/place.h"

#include <cstdlib>

#include "core/worker/worker_model.h"

namespace intarsia::cli {
namespace {

// A GPU that the driver shows. Whether it can be computed on is for the worker to say, which asks CUDA.
Device listed_gpu(const std::string& id) {
  DeviceList list = list_devices();
  for (Device& device : list.devices)
    if (device.id == id) return std::move(device);
  return find_device(id); // throws, and says what there is
}

std::shared_ptr<WorkerClient> make_worker(const Options& options) {
  WorkerOptions worker;
  worker.program = worker_program();
  worker.threads = options.count_or("--threads", 1, 4096, 0);
  return std::make_shared<WorkerClient>(std::move(worker));
}

} // namespace

Place chosen_place(const Options& options) {
  const std::string id = options.text("--device").value_or("");
  if (id.starts_with("cuda:")) {
    Device gpu = listed_gpu(id);
    return {std::move(gpu), make_worker(options)};
  }
  Device device = find_device(id);
  const char* in_worker = std::getenv("INTARSIA_CPU_IN_WORKER");
  const bool wanted = device.kind == DeviceKind::cuda || (in_worker && std::string(in_worker) == "1");
  return {std::move(device), wanted ? make_worker(options) : nullptr};
}

std::unique_ptr<LanguageModel> load(const OpenedModel& model, const Place& place, const JobControl& control) {
  if (!place.worker) return load(model, control);
  return load_in_worker(place.worker, model, place.device.id, control);
}

} // namespace intarsia::cli
