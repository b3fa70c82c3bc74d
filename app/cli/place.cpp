// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/place.h"

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

} // namespace

Place chosen_place(const Options& options) {
  const std::string id = options.text("--device").value_or("");
  return place_on(id.starts_with("cuda:") ? listed_gpu(id) : find_device(id),
                  options.count_or("--threads", 1, 4096, 0));
}

std::unique_ptr<LanguageModel> load(const OpenedModel& model, const Place& place, const JobControl& control) {
  if (!place.worker) return load(model, control);
  return load_in_worker(place.worker, model, place.device.id, control);
}

} // namespace intarsia::cli
