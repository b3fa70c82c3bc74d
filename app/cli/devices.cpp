// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <fmt/format.h>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/format_bytes.h"
#include "core/jobs/usable_devices.h"

namespace intarsia::cli {
namespace {

OrderedJson to_json(const Device& device) {
  return {{"id", device.id},
          {"kind", device.id.substr(0, device.id.find(':'))}, // "cuda" of "cuda:0"
          {"name", device.name},
          {"memory_total", device.memory_total},
          {"memory_free", device.memory_free},
          {"bandwidth", device.bandwidth > 0 ? OrderedJson(device.bandwidth) : OrderedJson(nullptr)},
          {"capability", device.capability},
          {"driver", device.driver},
          {"usable", device.usable},
          {"reason", device.reason}};
}

void print_text(const DeviceList& list) {
  for (const Device& device : list.devices) {
    fmt::print("{:<8} {}\n", device.id, device.name);
    fmt::print("         {} free of {}, {}{}\n", format_bytes(device.memory_free),
               format_bytes(device.memory_total), device.capability,
               device.bandwidth > 0 ? fmt::format(", {:.1f} GB/s measured", device.bandwidth / 1e9) : "");
    if (!device.driver.empty()) fmt::print("         driver {}\n", device.driver);
    if (!device.usable) fmt::print("         not used: {}\n", device.reason);
  }
  if (!list.gpu_note.empty()) fmt::print("no GPU: {}\n", list.gpu_note);
}

} // namespace

Verb devices_verb() {
  return {{"devices", "", "lists the devices found, or why a GPU cannot be used", {}},
          [](const Options& options) {
            const DeviceList list = detect_usable_devices();
            if (!options.json()) return print_text(list);
            OrderedJson devices = OrderedJson::array();
            for (const Device& device : list.devices) devices.push_back(to_json(device));
            print_json({{"devices", devices}, {"gpu_note", list.gpu_note}});
          }};
}

} // namespace intarsia::cli
