// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "tests/cuda/fake_cuda/fake_runtime.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace fake = intarsia::test::fake;

namespace {

using Clock = std::chrono::steady_clock;
using Work = std::vector<std::function<void()>>;

std::optional<Work> captured;
std::map<void*, std::size_t> memory;

template <typename Handle, typename T>
Handle handle_of(T* object) {
  return reinterpret_cast<Handle>(object);
}
Work* work_of(void* handle) { return static_cast<Work*>(handle); }

} // namespace

namespace intarsia::test::fake {

State& state() {
  static State the;
  return the;
}

void submit(std::function<void()> work) {
  if (captured)
    captured->push_back(std::move(work));
  else
    work();
}

} // namespace intarsia::test::fake

// NOLINTBEGIN: CUDA's names
extern "C" {

cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }
cudaError_t cudaGetLastError(void) { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaErrorMemoryAllocation ? "out of memory" : "a failure";
}
const char* cudaGetErrorName(cudaError_t status) {
  return status == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation" : "cudaErrorOther";
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *total = fake::state().memory_total;
  const std::size_t taken = fake::state().memory_used + fake::state().beside();
  *free = *total > taken ? *total - taken : 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char* to, int size, int device) {
  if (device != 0) return cudaErrorInvalidDevice;
  std::snprintf(to, std::size_t(size), "0000:01:00.0");
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** to, std::size_t bytes) {
  fake::State& state = fake::state();
  if (captured) return cudaErrorStreamCaptureUnsupported;
  if (++state.allocations == state.fail_allocation ||
      state.memory_used + state.beside() + bytes > state.memory_total)
    return cudaErrorMemoryAllocation;
  *to = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(*to, 0xFF, bytes); // NaN in f32 and in binary16
  memory[*to] = bytes;
  state.memory_used += bytes;
  state.memory_peak = std::max(state.memory_peak, state.memory_used);
  return cudaSuccess;
}

cudaError_t cudaFree(void* address) {
  if (!address) return cudaSuccess;
  fake::state().memory_used -= memory.at(address);
  memory.erase(address);
  std::free(address);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** to, std::size_t bytes) {
  *to = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* address) {
  std::free(address);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t) {
  fake::submit([=] {
    std::memcpy(to, from, bytes);
    if (kind == cudaMemcpyDeviceToHost) fake::state().bytes_to_host += bytes;
  });
  return cudaSuccess;
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  if (width > to_pitch || width > from_pitch) return cudaErrorInvalidPitchValue;
  for (std::size_t row = 0; row < height; ++row)
    if (const cudaError_t status =
            cudaMemcpyAsync(static_cast<char*>(to) + row * to_pitch,
                            static_cast<const char*>(from) + row * from_pitch, width, kind, stream);
        status != cudaSuccess)
      return status;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = handle_of<cudaStream_t>(new char);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete reinterpret_cast<char*>(stream);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  if (captured) return cudaErrorStreamCaptureUnsupported;
  return fake::state().fail_sync;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  captured.emplace();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  *graph = handle_of<cudaGraph_t>(new Work(std::move(*captured)));
  captured.reset();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* to, cudaGraph_t graph, unsigned long long) {
  *to = handle_of<cudaGraphExec_t>(new Work(*work_of(graph)));
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete work_of(graph);
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete work_of(graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
  ++fake::state().graph_launches;
  for (const auto& work : *work_of(graph)) work();
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = handle_of<cudaEvent_t>(new Clock::time_point);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete reinterpret_cast<Clock::time_point*>(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  *reinterpret_cast<Clock::time_point*>(event) = Clock::now();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  *milliseconds = std::chrono::duration<float, std::milli>(*reinterpret_cast<Clock::time_point*>(end) -
                                                           *reinterpret_cast<Clock::time_point*>(start))
                      .count();
  return cudaSuccess;
}

} // extern "C"
// NOLINTEND
