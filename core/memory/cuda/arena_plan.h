// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The parts of one allocation of device memory (an arena) and their offsets. Prediction and allocation use
// the same plan. Plain C++.
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

// `bytes` rounded up to a multiple of 256: parts are aligned as cudaMalloc aligns.
constexpr std::uint64_t arena_aligned(std::uint64_t bytes) { return (bytes + 255) / 256 * 256; }

struct ArenaPart {
  MemoryUse use;
  std::uint64_t offset, bytes; // bytes as asked for; the next part begins at the next multiple of 256
};

class ArenaPlan {
 public:
  void add(const std::string& name, MemoryUse use, std::uint64_t bytes); // behind the last part
  bool has(const std::string& name) const { return parts_.contains(name); }
  const ArenaPart& part(const std::string& name) const; // throws Error{internal} for an unknown name
  std::uint64_t bytes() const { return end_; }          // of the whole allocation
  std::uint64_t bytes(MemoryUse use) const;             // alignment gaps count with the part that follows
  const std::map<std::string, ArenaPart>& parts() const { return parts_; }

 private:
  std::map<std::string, ArenaPart> parts_;
  std::uint64_t end_ = 0;
  std::uint64_t by_use_[memory_uses] = {};
};

} // namespace intarsia::cuda
