// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// NVIDIA's management library, played: one GPU, as the environment says. What a test starts finds it by
// LD_LIBRARY_PATH.
#include <cstdio>
#include <cstdlib>

namespace {

const char* text(const char* variable, const char* fallback) {
  const char* value = std::getenv(variable);
  return value ? value : fallback;
}
unsigned long long number(const char* variable, const char* fallback) {
  return std::strtoull(text(variable, fallback), nullptr, 10);
}
int write(char* to, unsigned size, const char* from) { return std::snprintf(to, size, "%s", from) < 0; }

struct Memory {
  unsigned long long total, free, used;
};
int the_gpu = 0;

} // namespace

// NOLINTBEGIN: NVML's names
extern "C" {

int nvmlInit_v2() { return int(number("FAKE_NVML_INIT", "0")); }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = unsigned(number("FAKE_NVML_COUNT", "1"));
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned, void** handle) {
  *handle = &the_gpu;
  return 0;
}
int nvmlDeviceGetName(void*, char* to, unsigned size) { return write(to, size, "Played GPU"); }
int nvmlDeviceGetUUID(void*, char* to, unsigned size) {
  return write(to, size, text("FAKE_NVML_UUID", "GPU-1"));
}
int nvmlDeviceGetMemoryInfo(void*, Memory* memory) {
  memory->total = 8ull << 30;
  memory->free = number("FAKE_NVML_FREE", "8000000000");
  memory->used = memory->total - memory->free;
  return 0;
}
int nvmlDeviceGetCudaComputeCapability(void*, int* major, int* minor) {
  *major = int(number("FAKE_NVML_MAJOR", "8"));
  *minor = 6;
  return 0;
}
int nvmlSystemGetDriverVersion(char* to, unsigned size) { return write(to, size, "550.1"); }

} // extern "C"
// NOLINTEND
