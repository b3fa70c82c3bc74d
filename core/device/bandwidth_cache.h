// SPDX-License-Identifier: GPL-3.0-or-later
// A GPU's bandwidth is measured once and kept in the user's cache folder: it belongs to the card and its
// driver, and to ask for it a worker has to take memory on the card.
#pragma once

#include <optional>

#include "core/device/device.h"

namespace intarsia {

// Bytes/s that were kept for this very card and driver.
std::optional<double> kept_bandwidth(const Device& gpu);
// Keeps Device::bandwidth; where no file can be written, it is measured again next time.
void keep_bandwidth(const Device& gpu);

} // namespace intarsia
