// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <array>

#include "cuda/memory/check.cuh"
#include "cuda/memory/device_memory.cuh"
#include "cuda/backend/device_query.h"

namespace intarsia::cuda {
namespace {

std::string problem_sentence(cudaError_t status, int driver_version) {
  if (driver_version == 0)
    return "no NVIDIA driver is loaded: install one (nvidia-driver) and restart, or go on with the CPU";
  if (status == cudaErrorInsufficientDriver)
    return "the NVIDIA driver is too old for this build's CUDA runtime: update the driver, or go on with the "
           "CPU";
  if (status == cudaErrorNoDevice)
    return "the NVIDIA driver is there but shows no GPU: check CUDA_VISIBLE_DEVICES and nvidia-smi";
  return std::string("the CUDA runtime cannot start: ") + cudaGetErrorString(status);
}

DeviceFacts facts_of(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "reading a device's properties");
  check(cudaSetDevice(index), "selecting a device");
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free device memory");
  return {index,
          properties.name,
          total,
          free,
          properties.major,
          properties.minor,
          properties.multiProcessorCount};
}

__global__ void copy_kernel(const float4* from, float4* to, std::size_t count) {
  const std::size_t stride = std::size_t(gridDim.x) * blockDim.x;
  for (std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
    to[i] = from[i];
}

class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "creating an event"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record() { check(cudaEventRecord(event_), "recording an event"); }
  float milliseconds_since(const Event& start) const {
    float elapsed = 0;
    check(cudaEventSynchronize(event_), "waiting for a kernel");
    check(cudaEventElapsedTime(&elapsed, start.event_, event_), "reading a timer");
    return elapsed;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

} // namespace

DeviceReport query_devices() {
  DeviceReport report;
  if (cudaDriverGetVersion(&report.driver_version) != cudaSuccess) report.driver_version = 0;
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    report.problem =
        problem_sentence(status == cudaSuccess ? cudaErrorNoDevice : status, report.driver_version);
    return report;
  }
  try {
    for (int index = 0; index < count; ++index) report.devices.push_back(facts_of(index));
  } catch (const std::exception& error) {
    report.problem = error.what();
  }
  return report;
}

double measure_copy_bandwidth(int device, int megabytes) {
  check(cudaSetDevice(device), "selecting a device");
  const std::size_t count = std::size_t(megabytes) * (1u << 20) / sizeof(float4);
  DeviceMemory<float4> from(count, "the bandwidth measurement"), to(count, "the bandwidth measurement");
  check(cudaMemset(from.get(), 0, count * sizeof(float4)), "clearing a buffer");

  constexpr int threads = 256, blocks = 2048, runs = 9;
  std::array<float, runs> milliseconds{};
  Event start, stop;
  for (float& elapsed : milliseconds) {
    start.record();
    copy_kernel<<<blocks, threads>>>(from.get(), to.get(), count);
    check(cudaGetLastError(), "starting the copy kernel");
    stop.record();
    elapsed = stop.milliseconds_since(start);
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  return 2.0 * double(count) * sizeof(float4) / (milliseconds[runs / 2] * 1e-3);
}

} // namespace intarsia::cuda
