// SPDX-License-Identifier: GPL-3.0-or-later
// What is measured about a device once and cached in the user's cache folder: it belongs to the card and its
// driver, and to ask for it a worker has to take memory on the card.
#pragma once

#include <optional>

#include "core/device/device.h"

namespace intarsia {

struct DeviceMeasurements {
  double bandwidth; // bytes/s
  std::optional<std::uint64_t> backend_bytes;
};

// Of this very card and driver.
std::optional<DeviceMeasurements> cached_measurements(const Device& device);
// Of Device's fields, where the bandwidth is known; where no file can be written, it is measured again.
void cache_measurements(const Device& device);

} // namespace intarsia
