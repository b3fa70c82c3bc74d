// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// NVML through dlopen: nothing of NVIDIA's is linked. The few declarations follow nvml.h, whose ABI is
// stable.
#include "core/device/nvidia.h"

#include <cstdlib>
#include <dlfcn.h>
#include <memory>

namespace intarsia {
namespace {

using Handle = struct nvmlDevice_st*;
struct Memory {
  unsigned long long total, free, used;
};

struct LibraryCloser {
  void operator()(void* library) const { dlclose(library); }
};

class Nvml {
 public:
  Nvml()
      : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (!library_) return;
    load(init, "nvmlInit_v2");
    load(shutdown, "nvmlShutdown");
    load(count, "nvmlDeviceGetCount_v2");
    load(handle, "nvmlDeviceGetHandleByIndex_v2");
    load(name, "nvmlDeviceGetName");
    load(memory, "nvmlDeviceGetMemoryInfo");
    load(capability, "nvmlDeviceGetCudaComputeCapability");
    load(driver, "nvmlSystemGetDriverVersion");
    load(uuid, "nvmlDeviceGetUUID");
    load(handle_by_bus, "nvmlDeviceGetHandleByPciBusId_v2");
    complete_ = init && shutdown && count && handle && name && memory && capability && driver;
    started_ = complete_ && init() == 0;
  }
  ~Nvml() {
    if (started_) shutdown();
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  bool found() const { return library_ != nullptr; }
  bool complete() const { return complete_; }
  bool started() const { return started_; }

  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, Handle*) = nullptr;
  int (*name)(Handle, char*, unsigned) = nullptr;
  int (*memory)(Handle, Memory*) = nullptr;
  int (*capability)(Handle, int*, int*) = nullptr;
  int (*driver)(char*, unsigned) = nullptr;
  // These are done without where they are missing.
  int (*uuid)(Handle, char*, unsigned) = nullptr;
  int (*handle_by_bus)(const char*, Handle*) = nullptr;

 private:
  template <typename Function>
  void load(Function& function, const char* symbol) {
    function = reinterpret_cast<Function>(dlsym(library_.get(), symbol));
  }

  std::unique_ptr<void, LibraryCloser> library_;
  bool complete_ = false, started_ = false;
};

// The kernels are built for this and later (Ampere: asynchronous copies, and binary16 sums in f32).
constexpr int min_major = 8;
// CUDA's own data take about so much before any model does.
constexpr std::uint64_t min_free = std::uint64_t(512) << 20;

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

Device describe(const Nvml& nvml, unsigned index, const std::string& driver) {
  Device device;
  device.id = "cuda:" + std::to_string(index);
  device.kind = DeviceKind::cuda;
  device.driver = driver;
  Handle handle = nullptr;
  if (nvml.handle(index, &handle) != 0) {
    device.name = "NVIDIA GPU " + std::to_string(index);
    device.usable = false;
    device.reason = "the driver does not answer for this GPU: check nvidia-smi";
    return device;
  }
  char name[128] = {};
  if (nvml.name(handle, name, sizeof name - 1) == 0) device.name = name;
  Memory memory{};
  if (nvml.memory(handle, &memory) == 0) {
    device.memory_total = memory.total;
    device.memory_free = memory.free;
  }
  int major = 0, minor = 0;
  if (nvml.capability(handle, &major, &minor) == 0)
    device.capability = std::to_string(major) + "." + std::to_string(minor);
  char uuid[96] = {};
  if (nvml.uuid && nvml.uuid(handle, uuid, sizeof uuid - 1) == 0) device.uuid = uuid;
  device.reason = reason_against(device);
  device.usable = device.reason.empty();
  return device;
}

} // namespace

std::string reason_against(const Device& gpu) {
  const int major = std::atoi(gpu.capability.c_str());
  if (major > 0 && major < min_major)
    return "its compute capability " + gpu.capability + " is below " + std::to_string(min_major) +
           ".0, the lowest that Intarsia's kernels run on: use a newer GPU, or go on with the CPU";
  if (gpu.memory_total > 0 && gpu.memory_free < min_free)
    return "only " + mebibytes(gpu.memory_free) + " of its " + mebibytes(gpu.memory_total) +
           " of memory are free, and CUDA alone takes about " + mebibytes(min_free) +
           ": close other programs that use it";
  return {};
}

std::vector<Device> detect_nvidia(std::string& note) {
  const Nvml nvml;
  if (!nvml.found())
    note = "no NVIDIA driver is installed; everything works on the CPU";
  else if (!nvml.complete())
    note = "the NVIDIA driver is too old to be asked for its GPUs: update it";
  else if (!nvml.started())
    note = "the NVIDIA driver is installed but does not answer: restart, or check nvidia-smi";
  if (!note.empty()) return {};
  char version[96] = {};
  nvml.driver(version, sizeof version - 1);
  unsigned count = 0;
  if (nvml.count(&count) != 0 || count == 0) {
    note = "the NVIDIA driver shows no GPU: check the card's seat and power, or nvidia-smi";
    return {};
  }
  std::vector<Device> devices;
  for (unsigned index = 0; index < count; ++index) devices.push_back(describe(nvml, index, version));
  return devices;
}

std::optional<std::uint64_t> free_gpu_memory(const std::string& pci_bus_id) {
  const Nvml nvml;
  Handle handle = nullptr;
  Memory memory{};
  if (!nvml.started() || !nvml.handle_by_bus || nvml.handle_by_bus(pci_bus_id.c_str(), &handle) != 0 ||
      nvml.memory(handle, &memory) != 0)
    return std::nullopt;
  return memory.free;
}

} // namespace intarsia
