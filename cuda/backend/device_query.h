// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the CUDA runtime says of this machine's GPUs. No CUDA type shows here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace intarsia::cuda {

struct DeviceFacts {
  int index = 0; // N of "cuda:N"
  std::string name;
  std::uint64_t memory_total = 0; // bytes
  std::uint64_t memory_free = 0;  // bytes, other processes counted
  int capability_major = 0, capability_minor = 0;
  int multiprocessors = 0;
};

struct DeviceReport {
  std::vector<DeviceFacts> devices;
  int driver_version = 0; // 12040 means 12.4; 0: no driver
  std::string problem;    // why there is no usable GPU, a sentence with a next step; empty when there is one
};

// Never throws and never crashes where driver or device are missing.
DeviceReport query_devices();

// Bytes/s of reading and writing device memory in one copy kernel (read + write counted), the median of
// several runs over `megabytes` of plain device memory. Throws std::runtime_error with CUDA's own words when
// the device fails.
double measure_copy_bandwidth(int device, int megabytes);

} // namespace intarsia::cuda
