// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What goes into one allocation of device memory, placed before anything is allocated: what is predicted and
// what is taken come from the same list. Plain C++.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace intarsia::cuda {

enum class MemoryUse {
  linears,
  embeddings_and_head,
  norms_and_biases,
  rotations,
  codebooks,
  workspace,
  kv_cache,
  buffers
};
inline constexpr int memory_uses = 8;
const char* use_name(MemoryUse use); // for people: "KV cache"

// Where the part after one of so many bytes may begin: at multiples of 256, as cudaMalloc's memory does.
constexpr std::uint64_t in_arena(std::uint64_t bytes) { return (bytes + 255) / 256 * 256; }

struct ArenaPart {
  MemoryUse use;
  std::uint64_t offset, bytes; // bytes as asked for; the next part begins at the next multiple of 256
};

class ArenaPlan {
 public:
  void add(const std::string& name, MemoryUse use, std::uint64_t bytes);
  bool has(const std::string& name) const { return parts_.contains(name); }
  const ArenaPart& part(const std::string& name) const; // throws Error{internal}
  std::uint64_t bytes() const { return end_; }          // the last part's end
  std::uint64_t bytes(MemoryUse use) const;             // gaps counted with the part behind them
  const std::map<std::string, ArenaPart>& parts() const { return parts_; }

 private:
  std::map<std::string, ArenaPart> parts_;
  std::uint64_t end_ = 0;
  std::uint64_t by_use_[memory_uses] = {};
};

} // namespace intarsia::cuda
