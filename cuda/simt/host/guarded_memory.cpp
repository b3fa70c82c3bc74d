// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/simt/host/guarded_memory.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace intarsia::simt::host {
namespace {

constexpr std::byte canary{0xC5};

std::size_t page_size() {
  static const std::size_t size = std::size_t(sysconf(_SC_PAGESIZE));
  return size;
}

std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

std::vector<const GuardedMemory*>& registry() {
  static std::vector<const GuardedMemory*> all;
  return all;
}

} // namespace

void Poison::fill(std::span<std::byte> bytes) const {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(i % 2 ? high : low);
}

GuardedMemory::GuardedMemory(std::size_t bytes, std::string name)
    : size_(bytes)
    , name_(std::move(name)) {
  const std::size_t page = page_size(), inside = round_up(bytes, page);
  map_size_ = inside + 2 * page;
  void* map = mmap(nullptr, map_size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  map_ = static_cast<std::byte*>(map);
  if (inside > 0 && mprotect(map_ + page, inside, PROT_READ | PROT_WRITE) != 0) {
    munmap(map, map_size_);
    throw std::bad_alloc();
  }
  begin_ = map_ + page + inside - round_up(bytes, 16);
  std::fill(map_ + page, map_ + page + inside, canary);
  registry().push_back(this);
}

GuardedMemory::~GuardedMemory() {
  std::erase(registry(), this);
  munmap(map_, map_size_);
}

std::string GuardedMemory::own_damage() const {
  const std::span<const std::byte> in_front(map_ + page_size(), begin_);
  const std::span<const std::byte> behind(begin_ + size_, map_ + map_size_ - page_size());
  const auto touched = [](std::byte value) { return value != canary; };
  if (std::any_of(in_front.begin(), in_front.end(), touched)) return "a write in front of " + name_;
  if (std::any_of(behind.begin(), behind.end(), touched)) return "a write behind " + name_;
  return {};
}

std::string GuardedMemory::damage() {
  for (const GuardedMemory* memory : registry())
    if (std::string found = memory->own_damage(); !found.empty()) return found;
  return {};
}

std::string describe_address(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (const GuardedMemory* memory : registry()) {
    const auto first = reinterpret_cast<std::uintptr_t>(memory->map_);
    if (at < first || at >= first + memory->map_size_) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(memory->begin_);
    const std::string place = at < begin
                                  ? std::to_string(begin - at) + " bytes in front of "
                                  : std::to_string(at - begin - memory->size_) + " bytes behind the end of ";
    return place + memory->name_ + " of " + std::to_string(memory->size_) + " bytes";
  }
  return "an address far from every buffer";
}

} // namespace intarsia::simt::host
