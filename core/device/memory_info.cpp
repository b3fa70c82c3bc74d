// SPDX-License-Identifier: GPL-3.0-or-later
// Memory of this machine as Linux tells it, a container's limit respected.
#include "core/device/memory_info.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include "core/device/device.h"

namespace intarsia {
namespace {

std::uint64_t meminfo(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    std::uint64_t kibibytes = 0;
    if (!(file >> kibibytes)) return 0;
    std::getline(file, unit);
    if (name == key + ":") return kibibytes * 1024;
  }
  return 0;
}

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

std::uint64_t available_memory() {
  const auto limit = number_in("/sys/fs/cgroup/memory.max"),
             used = number_in("/sys/fs/cgroup/memory.current");
  const std::uint64_t available = meminfo("MemAvailable");
  if (!limit || !used) return available;
  return std::min(available, *limit > *used ? *limit - *used : 0);
}

} // namespace intarsia
