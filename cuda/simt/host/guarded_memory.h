// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Memory whose neighbours cannot be touched: a page without access before and behind it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace intarsia::simt::host {

// What fresh memory holds, repeated: a NaN as f32 (signalling) and as binary16, a wild number as an index.
// Each order of a launch has a pattern of its own, so that whoever reads it computes something else each
// time.
struct Poison {
  unsigned char low = 0xA1, high = 0x7F;
  static Poison number(unsigned order) { return {static_cast<unsigned char>(0xA1 + order % 16), 0x7F}; }
  void fill(std::span<std::byte> bytes) const;
};

class GuardedMemory {
 public:
  GuardedMemory(std::size_t bytes, std::string name);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  // 16-byte aligned; the end lies at the guard, less what alignment takes.
  std::span<std::byte> bytes() const { return {begin_, size_}; }

  // What happened when the bytes between a living memory and its guards were written to; empty when they
  // were not.
  static std::string damage();

 private:
  friend std::string describe_address(const void* address);
  std::string own_damage() const;
  std::byte* map_;
  std::size_t map_size_;
  std::byte* begin_;
  std::size_t size_;
  std::string name_;
};

// "8 bytes behind the end of the shared memory of 64 bytes", as far as it is known.
std::string describe_address(const void* address);

// Elements of T in guarded memory, as a kernel's input or output.
template <typename T>
class Buffer {
 public:
  explicit Buffer(std::size_t count, std::string name = "a buffer")
      : memory_(count * sizeof(T), std::move(name)) {
    Poison().fill(memory_.bytes());
  }
  explicit Buffer(const std::vector<T>& values, std::string name = "a buffer")
      : Buffer(values.size(), std::move(name)) {
    for (std::size_t i = 0; i < values.size(); ++i) data()[i] = values[i];
  }

  T* data() const { return static_cast<T*>(static_cast<void*>(memory_.bytes().data())); }
  std::size_t size() const { return memory_.bytes().size() / sizeof(T); }
  T* begin() const { return data(); }
  T* end() const { return data() + size(); }
  T& operator[](std::size_t i) const { return data()[i]; }
  operator std::span<T>() const { return {data(), size()}; }

 private:
  GuardedMemory memory_;
};

} // namespace intarsia::simt::host
