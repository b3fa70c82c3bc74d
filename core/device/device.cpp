// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/device/device.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/device/memory_info.h"
#include "core/device/nvidia.h"

namespace intarsia {
namespace {

std::string cpuinfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const auto colon = line.find(':');
    if (colon != std::string::npos && colon + 2 <= line.size()) return line.substr(colon + 2);
  }
  return {};
}

std::string instruction_sets() {
  std::istringstream words(cpuinfo("flags") + " " + cpuinfo("Features"));
  std::set<std::string> flags;
  for (std::string flag; words >> flag;) flags.insert(flag);
  std::string text;
  for (const auto& [flag, name] : std::vector<std::pair<std::string, std::string>>{
           {"avx512f", "AVX-512"}, {"avx2", "AVX2"}, {"sse4_1", "SSE4"}, {"asimd", "NEON"}})
    if (flags.contains(flag)) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "baseline" : text;
}

// Reading a buffer larger than the caches on all cores; the best pass, since other work only slows them. A
// pass takes a few milliseconds, less than other programs hold a core: on a busy machine only some of many
// have all cores.
double measure_bandwidth() {
  constexpr std::size_t words = std::size_t(12) << 20, min_passes = 3; // 96 MiB
  constexpr std::chrono::milliseconds long_enough(50);
  std::vector<std::uint64_t> buffer(words, 1);
  std::vector<std::uint64_t> sums(64, 0);
  double best = 0;
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t pass = 0; pass < min_passes || std::chrono::steady_clock::now() - began < long_enough;
       ++pass) {
    const auto start = std::chrono::steady_clock::now();
    parallel_for(sums.size(), [&](std::size_t part) {
      const std::size_t size = words / sums.size();
      std::uint64_t sum[8] = {};
      for (std::size_t i = part * size; i + 8 <= (part + 1) * size; i += 8)
        for (std::size_t k = 0; k < 8; ++k) sum[k] += buffer[i + k];
      for (const std::uint64_t value : sum) sums[part] += value;
    });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, double(words * sizeof(std::uint64_t)) / seconds);
  }
  // The sums are used, so that the reads cannot be left out.
  return sums[0] == 0 ? 0 : best;
}

Device this_cpu() {
  Device device;
  device.id = "cpu";
  device.kind = DeviceKind::cpu;
  device.name = cpuinfo("model name");
  if (device.name.empty()) device.name = "CPU";
  device.name += " (" + std::to_string(std::max(1u, std::thread::hardware_concurrency())) + " cores)";
  device.memory_total = total_memory();
  device.memory_free = available_memory();
  device.capability = instruction_sets();
  return device;
}

// A GPU that is not there is no misspelling.
bool names_a_gpu(const std::string& id) {
  return id.starts_with("cuda:") && id.size() > 5 &&
         id.find_first_not_of("0123456789", 5) == std::string::npos;
}

} // namespace

DeviceList list_devices() {
  DeviceList list;
  list.devices = detect_nvidia(list.gpu_note);
  list.devices.push_back(this_cpu());
  std::stable_sort(list.devices.begin(), list.devices.end(),
                   [](const Device& a, const Device& b) { return a.usable > b.usable; });
  return list;
}

DeviceList detect_devices() {
  static const double bandwidth = measure_bandwidth();
  DeviceList list = list_devices();
  for (Device& device : list.devices)
    if (device.kind == DeviceKind::cpu) device.bandwidth = bandwidth;
  return list;
}

// The CPU, also beside a GPU that can be used: until the CUDA backend has been run on a card, only who names
// the GPU gets it. Once it has, this is the list's first.
const Device& default_device(const DeviceList& list) {
  return *std::find_if(list.devices.begin(), list.devices.end(),
                       [](const Device& device) { return device.kind == DeviceKind::cpu; });
}

Device find_device(const std::string& id) {
  const DeviceList list = list_devices();
  if (id.empty()) return default_device(list);
  std::string known;
  for (const Device& device : list.devices) {
    known += (known.empty() ? "" : ", ") + device.id;
    if (device.id != id) continue;
    if (!device.usable)
      throw Error(ErrorKind::resource, device.id + " (" + device.name + ") cannot be used: " + device.reason);
    return device;
  }
  throw Error(names_a_gpu(id) ? ErrorKind::resource : ErrorKind::usage,
              "there is no device \"" + id + "\" here; there is " + known +
                  (list.gpu_note.empty() ? "" : " (" + list.gpu_note + ")"));
}

} // namespace intarsia
