// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/place.h"

#include <cstdio>
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/device/memory_info.h"
#include "core/worker/worker_jobs.h"
#include "core/worker/worker_model.h"

namespace intarsia::cli {

Place chosen_place(const Options& options) {
  return place_on(find_device(options.text("--device").value_or("")),
                  options.count_or("--threads", 1, 4096, 0));
}

std::unique_ptr<LanguageModel> load(const OpenedModel& model, const Place& place, const JobControl& control,
                                    std::size_t context) {
  if (!place.worker) return load(model, control);
  if (model.kv_cache == KvPrecision::q8)
    throw Error(ErrorKind::unsupported, "the KV cache is held in q8 on the CPU only: leave --kv-cache out");
  auto loaded = load_in_worker(place.worker, model, place.device.id, control, context);
  if (!loaded->note().empty()) {
    end_progress();
    fmt::print(stderr, "intarsia: {}: {}\n", place.device.id, loaded->note());
  }
  return loaded;
}

OrderedJson memory_of(const Place& place, std::span<const OpenedModel* const> models, std::size_t context,
                      OrderedJson on_cpu) {
  OrderedJson predicted = std::move(on_cpu);
  if (place.device.kind == DeviceKind::cuda)
    predicted = predicted_gpu_memory(*place.worker, place.device.id, models, context);
  const std::uint64_t peak =
      place.worker ? peak_memory_in_worker(*place.worker, place.device.id) : peak_memory();
  return {{"predicted_bytes", std::move(predicted)}, {"peak_bytes", peak}};
}

std::shared_ptr<const MemoryModel> memory_model_of(const Place& place) {
  Device device = place.device;
  if (device.kind == DeviceKind::cuda) device.backend_bytes = backend_memory_in_worker(*place.worker, device.id);
  return memory_of(device);
}

Sensitivity measure_sensitivity(const OpenedModel& model, const Place& place,
                                std::span<const int> text_tokens, const SensitivityOptions& options,
                                const JobControl& control) {
  model.weights(); // refuses a bare config.json here
  if (place.worker)
    return sensitivity_in_worker(*place.worker, place.device.id, path_of(model), text_tokens, options,
                                 control);
  const auto running = load(model, control);
  return estimate_sensitivity(*running, model.weights(), model.config().name, text_tokens, options, control);
}

} // namespace intarsia::cli
