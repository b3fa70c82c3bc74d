// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a device and its selftest are in words.
#pragma once

#include <QString>
#include <vector>

#include "core/device/device.h"
#include "core/tensor/kernel_check.h"
#include "ui/session/latency.h"

namespace intarsia::ui {

// "NVIDIA GeForce RTX 4090   20 GiB free of 24 GiB · 1008 GB/s"; a bandwidth that is not known is left out.
QString device_summary(const Device& device);
QString target_summary(const PlanTarget& target);
QString device_figures(const Device& device); // the same without the name

QString check_line(const KernelCheck& check);
QString verdict(const std::vector<KernelCheck>& checks, const Device& device);

} // namespace intarsia::ui
