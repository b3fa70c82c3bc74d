// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The interface of a backend: one kind of device other than the CPU, used in a worker process. A backend is a
// folder that implements this, a memory model in core/memory, and a line in CMakeLists.txt; nothing else
// lists the backends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/device/latency_table.h"
#include "core/palette/linear_source.h"
#include "core/runtime/backend.h"
#include "core/tensor/kernel_check.h"

namespace intarsia {

// Bytes of device memory that a backend takes in addition to any model.
struct BackendOverhead {
  std::uint64_t context = 0; // the driver's context with our kernels loaded
  std::uint64_t library = 0; // the library of dense products (cuBLAS)
};

struct BackendDevice {
  int index = 0;
  std::string name;
  std::uint64_t memory_total = 0, memory_free = 0; // bytes
  std::string capability;                          // of the instruction set, for example "9.0"
  int multiprocessors = 0;
  // Measured where devices() was asked to; absent where the device had too little free memory for it.
  std::optional<double> bandwidth; // bytes/s
  std::optional<BackendOverhead> overhead;
};
struct BackendDevices {
  std::vector<BackendDevice> devices;
  int driver_version = 0;
  std::string problem; // why no device can be used, a sentence; empty: some can
};

// Bytes of a device's memory at present; `peak`: the most that this process has taken so far.
struct BackendMemory {
  BackendOverhead overhead;
  std::uint64_t peak = 0, free = 0, total = 0;
};

struct BackendSelftest {
  std::uint64_t seed = 0;
  int cases = 8;
  bool real_shapes = false; // layer shapes of large models instead of small random ones
};

// Used by one thread at a time. Functions that take a device index throw Error{resource} where there is no
// such device or no driver.
class DeviceBackend {
 public:
  virtual ~DeviceBackend() = default;
  virtual std::string name() const = 0; // "cuda": its devices are "cuda:0", "cuda:1", …
  // `measure`: bandwidth and overhead too, which takes memory on the device and about a second per device.
  virtual BackendDevices devices(bool measure) = 0;
  virtual void require(int index) = 0; // throws where the device cannot be used

  // `context`: tokens of a sequence that must fit beside the model; 0: none. `reserved`: bytes to leave free
  // for sequences of other models. Throws Error{resource} with the amounts before anything is allocated.
  virtual std::unique_ptr<LanguageModel> load(int index, const WeightSource& weights, std::size_t context,
                                              std::uint64_t reserved, const JobControl& control) = 0;
  // Bytes that a sequence of `context` tokens takes.
  virtual std::uint64_t sequence_bytes(const ModelConfig& config, std::size_t context) const = 0;
  // An encoder of linear layers on the device. It takes device memory only while it encodes.
  virtual EncodeLinear encoder(int index) = 0;
  // Measures the latency of the model's layer shapes for every quantizer and kernel.
  virtual LatencyTable profile(int index, const ModelConfig& config, const LayerGraph& graph,
                               const JobControl& control) = 0;
  // Every kernel against plain arithmetic on the CPU.
  virtual std::vector<KernelCheck> selftest(int index, const BackendSelftest& what,
                                            const JobControl& control) = 0;

  virtual BackendMemory memory(int index) = 0;
  virtual void record_peak_memory() noexcept = 0; // of the devices in use; to be called after allocations
  // True after a device fault (a sticky error): nothing more can be computed in this process.
  virtual bool is_lost() const noexcept = 0;
};

} // namespace intarsia
