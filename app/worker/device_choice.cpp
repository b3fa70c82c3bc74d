// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/device_choice.h"

#include <charconv>

#include "app/worker/backends.h"
#include "core/base/error.h"

namespace intarsia::worker {

DeviceChoice device_from(const std::string& name) {
  if (name == "cpu") return {};
  if (const auto colon = name.find(':'); colon != std::string::npos) {
    DeviceChoice choice;
    const char *begin = name.data() + colon + 1, *end = name.data() + name.size();
    const auto [read, error] = std::from_chars(begin, end, choice.index);
    if (error == std::errc() && read == end && choice.index >= 0)
      choice.backend = find_backend(name.substr(0, colon));
    if (choice.backend) return choice;
  }
  throw Error(ErrorKind::usage, "there is no device \"" + name + "\"; there is cpu, and cuda:0, cuda:1 …");
}

std::unique_ptr<LanguageModel> load_on_device(const DeviceChoice& device, const OpenedModel& model,
                                              const JobControl& control, std::size_t context,
                                              std::uint64_t reserved) {
  if (device.backend) return device.backend->load(device.index, model.weights(), context, reserved, control);
  return load_on_cpu(model.weights(), cpu_options(model), control);
}

} // namespace intarsia::worker
