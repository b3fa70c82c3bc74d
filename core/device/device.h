// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The devices of this machine, found without linking any driver.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace intarsia {

enum class DeviceKind { cpu, cuda };

struct Device {
  std::string id; // "cpu", "cuda:0"
  DeviceKind kind = DeviceKind::cpu;
  std::string name;
  std::uint64_t memory_total = 0; // bytes
  std::uint64_t memory_free = 0;  // bytes, at the time of asking, other processes counted
  double bandwidth = 0;           // bytes/s, measured; 0 when unknown
  // What a GPU's backend takes of its memory beside a model, measured; nothing: unknown.
  std::optional<std::uint64_t> backend_bytes;
  std::string capability; // "8.9" for a GPU, instruction sets for a CPU
  std::string driver;     // GPU driver version; empty for a CPU
  std::string uuid;       // of a GPU, the card's own id; empty when unknown
  bool usable = true;
  std::string reason; // why it cannot be used, a sentence with a next step; empty when usable
};

struct DeviceList {
  std::vector<Device> devices; // best usable first; always holds the CPU
  std::string gpu_note; // why there is no GPU in the list ("no NVIDIA driver is installed"); may be empty
};

// Reads memory afresh at every call; the CPU's bandwidth is measured once a process (about 50 ms and 96 MiB).
// Of a GPU it says what the driver's management library knows; core/jobs/usable_devices.h asks CUDA too.
DeviceList detect_devices();
// The same without the bandwidth, for who wants to run a model and needs the memory.
DeviceList list_devices();

// What is used where nobody names a device.
const Device& default_device(const DeviceList& list);

// The device of that id; empty: the default one. Throws Error{usage} listing the ids when unknown,
// Error{resource} with the reason when unusable, or a GPU that is not there. Without the CPU's bandwidth.
Device find_device(const std::string& id);

// Bytes of memory free for a new program now (MemAvailable).
std::uint64_t available_memory();

} // namespace intarsia
