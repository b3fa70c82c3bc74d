// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "core/device/device.h"

namespace intarsia {

// The NVIDIA GPUs that the driver's own management library shows; `note` says why there are none.
std::vector<Device> detect_nvidia(std::string& note);

} // namespace intarsia
