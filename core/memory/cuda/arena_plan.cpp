// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/memory/cuda/arena_plan.h"

#include "core/base/error.h"

namespace intarsia::cuda {

const char* use_name(MemoryUse use) {
  switch (use) {
  case MemoryUse::linears:
    return "linears";
  case MemoryUse::embeddings_and_head:
    return "embeddings and head";
  case MemoryUse::norms_and_biases:
    return "norms and biases";
  case MemoryUse::rotations:
    return "rotations";
  case MemoryUse::codebooks:
    return "codebooks";
  case MemoryUse::workspace:
    return "workspace";
  case MemoryUse::kv_cache:
    return "KV cache";
  case MemoryUse::buffers:
    return "buffers";
  }
  return "";
}

void ArenaPlan::add(const std::string& name, MemoryUse use, std::uint64_t bytes) {
  const std::uint64_t offset = arena_aligned(end_);
  if (!parts_.emplace(name, ArenaPart{use, offset, bytes}).second)
    throw Error(ErrorKind::internal, "device memory for \"" + name + "\" was planned twice");
  by_use_[int(use)] += offset + bytes - end_;
  end_ = offset + bytes;
}

const ArenaPart& ArenaPlan::part(const std::string& name) const {
  const auto found = parts_.find(name);
  if (found == parts_.end())
    throw Error(ErrorKind::internal, "no device memory was planned for \"" + name + "\"");
  return found->second;
}

std::uint64_t ArenaPlan::bytes(MemoryUse use) const { return by_use_[int(use)]; }

} // namespace intarsia::cuda
