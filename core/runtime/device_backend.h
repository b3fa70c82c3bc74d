// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a worker asks of a kind of device other than the CPU. A backend is a folder that implements this, a
// memory model in core/memory, and a line in CMakeLists.txt; nothing else knows which there are.
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

// Bytes that a backend takes of a device's memory beside any model.
struct BackendOverhead {
  std::uint64_t context = 0, library = 0; // the driver's own, with our kernels; the library of dense products
};

struct BackendDevice {
  int index = 0;
  std::string name;
  std::uint64_t memory_total = 0, memory_free = 0; // bytes
  std::string capability;
  int multiprocessors = 0;
  // What was measured, where it was asked for; nothing: there was no room for it.
  std::optional<double> bandwidth; // bytes/s
  std::optional<BackendOverhead> overhead;
};
struct BackendDevices {
  std::vector<BackendDevice> devices;
  int driver_version = 0;
  std::string problem; // why there is none, a sentence; or empty
};

// Bytes of a device's memory, now; `peak` is the most that this process has taken.
struct BackendMemory {
  BackendOverhead overhead;
  std::uint64_t peak = 0, free = 0, total = 0;
};

struct BackendSelftest {
  std::uint64_t seed = 0;
  int cases = 8;
  bool real_shapes = false; // of large models, in place of small random ones
};

// Called by one thread. Functions that take an index throw Error{resource} where there is no such device, or
// no driver.
class DeviceBackend {
 public:
  virtual ~DeviceBackend() = default;
  virtual std::string name() const = 0; // "cuda": its devices are "cuda:0", "cuda:1", …
  // To measure takes memory, and a second a device.
  virtual BackendDevices devices(bool measure) = 0;
  virtual void require(int index) = 0;

  // `context`: tokens of a sequence to come, for which there must be room too; 0: none. `reserved`: bytes for
  // those of other models. Throws Error{resource} with the amounts before anything is allocated.
  virtual std::unique_ptr<LanguageModel> load(int index, const WeightSource& weights, std::size_t context,
                                              std::uint64_t reserved, const JobControl& control) = 0;
  // Bytes that a sequence of so many tokens takes.
  virtual std::uint64_t sequence_bytes(const ModelConfig& config, std::size_t context) const = 0;
  // Takes memory on the device only while it encodes.
  virtual EncodeLinear encoder(int index) = 0;
  // The latencies of a model's shapes, for every quantizer and kernel.
  virtual LatencyTable profile(int index, const ModelConfig& config, const LayerGraph& graph,
                               const JobControl& control) = 0;
  virtual std::vector<KernelCheck> selftest(int index, const BackendSelftest& what,
                                            const JobControl& control) = 0;

  virtual BackendMemory memory(int index) = 0;
  virtual void note_memory() noexcept = 0; // of the devices in use, for the peak
  // After a fault on a device nothing more can be done with the backend in this process.
  virtual bool is_lost() const noexcept = 0;
};

} // namespace intarsia
