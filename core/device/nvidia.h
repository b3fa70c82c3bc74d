// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/device/device.h"

namespace intarsia {

// The NVIDIA GPUs that the driver's own management library shows; `note` says why there are none.
// What speaks against one of them is said as far as that library knows; whether CUDA works is for the worker
// to say.
std::vector<Device> detect_nvidia(std::string& note);

// What speaks against using a GPU, as far as that can be told from its capability and memory; a figure of 0
// and an empty capability are unknown. A sentence with a next step, or empty.
std::string reason_against(const Device& gpu);

// Bytes free on the GPU at that PCI bus id ("0000:01:00.0"), asked without CUDA, whose own memory is not
// taken by that. Nothing where the driver's management library does not tell.
std::optional<std::uint64_t> free_gpu_memory(const std::string& pci_bus_id);

} // namespace intarsia
