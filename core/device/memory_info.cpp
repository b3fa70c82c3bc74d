// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Memory of this machine as Linux tells it, a container's limit respected.
#include "core/device/memory_info.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include "core/device/device.h"

namespace intarsia {
namespace {

// Lines like "MemTotal:  1234 kB"; others are passed over.
std::uint64_t kibibytes_in(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":")) return std::strtoull(line.c_str() + key.size() + 1, nullptr, 10) * 1024;
  return 0;
}

std::uint64_t meminfo(const std::string& key) { return kibibytes_in("/proc/meminfo", key); }

std::optional<std::uint64_t> number_in(const char* path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt; // missing, or the word "max"
}

} // namespace

std::uint64_t total_memory() {
  const auto limit = number_in("/sys/fs/cgroup/memory.max");
  const std::uint64_t total = meminfo("MemTotal");
  return limit ? std::min(*limit, total) : total;
}

std::uint64_t peak_memory() { return kibibytes_in("/proc/self/status", "VmHWM"); }

std::uint64_t available_memory() {
  const auto limit = number_in("/sys/fs/cgroup/memory.max"),
             used = number_in("/sys/fs/cgroup/memory.current");
  const std::uint64_t available = meminfo("MemAvailable");
  if (!limit || !used) return available;
  return std::min(available, *limit > *used ? *limit - *used : 0);
}

} // namespace intarsia
