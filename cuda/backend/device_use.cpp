// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/backend/device_use.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/error.h"
#include "cuda/launch/linears.h"
#include "cuda/memory/device_memory.cuh"
#include "cuda/memory/stream.h"
#include "cuda/memory/upload.h"

namespace intarsia::cuda {
namespace {

struct Room {
  std::size_t free = 0, total = 0;
};

Room room_on(int device) {
  check(cudaSetDevice(device), "selecting a device");
  Room room;
  check(cudaMemGetInfo(&room.free, &room.total), "asking for free device memory");
  return room;
}

std::uint64_t difference(std::uint64_t before, std::uint64_t after) {
  return before > after ? before - after : 0; // others may have given memory back meanwhile
}

// Rounded so that what does not fit never looks as if it did.
std::string needed(std::uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }
std::string there(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

constexpr int side = 64; // of the matrices of a product that makes cuBLAS load its code

} // namespace

std::string pci_bus_id(int device) {
  std::array<char, 32> id{};
  if (cudaDeviceGetPCIBusId(id.data(), int(id.size()) - 1, device) == cudaSuccess) return id.data();
  cudaGetLastError(); // else the next launch would be blamed
  return {};
}

DeviceUse::DeviceUse(int device, std::uint64_t context_bytes)
    : device_(device)
    , overhead_{context_bytes, 0}
    , free_at_start_(room_on(device).free)
    , min_free_(free_at_start_) {
  try {
    measure_cublas();
  } catch (const std::exception&) {
    if (context_is_lost()) throw;
    // Without cuBLAS, or without room for its workspace: models do without it, or are refused.
  }
}

void DeviceUse::measure_cublas() {
  const std::size_t operand = std::size_t(side) * side;
  {
    const DeviceMemory<std::byte> workspace(cublas_workspace_bytes, "measuring cuBLAS");
    const DeviceMemory<Half> factors(2 * operand, "measuring cuBLAS");
    const DeviceMemory<float> product(operand, "measuring cuBLAS");
    const Stream stream(device_);
    const std::vector<Half> zeros(2 * operand, 0);
    copy_to_device(factors.get(), std::span<const Half>(zeros), stream, "measuring cuBLAS");
    stream.wait();
    const std::uint64_t before = room_on(device_).free;
    const Gemm gemm(workspace.get(), cublas_workspace_bytes);
    gemm.multiply(factors.get(), side, side, factors.get() + operand, side, side, side, product.get(), side,
                  stream);
    stream.wait();
    overhead_.cublas = difference(before, room_on(device_).free);
  }
  const std::uint64_t stayed = difference(free_at_start_, room_on(device_).free);
  cublas_to_come_ = difference(overhead_.cublas, stayed);
}

void DeviceUse::require_room(const DeviceMemoryPlan& plan, std::size_t context,
                             std::uint64_t reserved) const {
  const Room room = room_on(device_);
  const std::uint64_t wanted = plan.total() + cublas_to_come_;
  if (wanted + reserved <= room.free) return;
  std::string parts = needed(plan.weights.bytes() + plan.workspace.bytes()) + " for weights and workspace";
  if (context > 0)
    parts +=
        ", " + needed(plan.sequence.bytes()) + " for a context of " + std::to_string(context) + " tokens";
  if (cublas_to_come_ > 0) parts += ", " + needed(cublas_to_come_) + " for cuBLAS";
  if (reserved > 0) parts += "; the context of a model before it will take " + needed(reserved);
  if (overhead_.context > 0) parts += "; CUDA itself has taken " + needed(overhead_.context) + " already";
  throw Error(ErrorKind::resource,
              "the model needs " + needed(wanted) + " of memory on GPU cuda:" + std::to_string(device_) +
                  ", and " + there(room.free) + " of " + there(room.total) + " are free (" + parts +
                  "): close other programs that use it, choose a smaller context or a smaller memory budget, "
                  "or go on with --device cpu");
}

void DeviceUse::note() noexcept {
  std::size_t free = 0, total = 0;
  if (cudaSetDevice(device_) == cudaSuccess && cudaMemGetInfo(&free, &total) == cudaSuccess)
    min_free_ = std::min<std::uint64_t>(min_free_, free);
  else
    cudaGetLastError(); // else the next launch would be blamed
}

} // namespace intarsia::cuda
