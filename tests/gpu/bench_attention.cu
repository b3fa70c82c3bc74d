// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One token's attention over a long context, with the heads of Llama-3.1-8B: microseconds, and the share of
// the copy bandwidth measured in the same run that keys and values are read at.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <vector>

#include "core/base/half.h"
#include "core/base/random.h"
#include "cuda/backend/device_query.h"
#include "cuda/launch/kernel_launches.h"
#include "cuda/launch/timer.h"
#include "cuda/memory/check.cuh"
#include "cuda/memory/device_memory.cuh"
#include "cuda/memory/stream.h"
#include "cuda/memory/upload.h"

using namespace intarsia;
using namespace intarsia::cuda;

namespace {

constexpr Heads heads{32, 8, 128};
constexpr int layers = 8; // as in a model one layer's keys follow another's, so that no cache holds them

template <typename T>
DeviceMemory<T> upload(const std::vector<T>& values, const Stream& stream) {
  DeviceMemory<T> memory(values.size(), "attention");
  copy_to_device(memory.get(), std::span<const T>(values), stream, "uploading");
  stream.wait();
  return memory;
}

void measure(int context, double bandwidth, const Stream& stream) {
  const std::size_t kv_dim = std::size_t(heads.kv_heads * heads.head_dim),
                    q_dim = std::size_t(heads.heads * heads.head_dim), one = std::size_t(context) * kv_dim;
  Random random(1);
  std::vector<Half> values(2 * one * layers);
  for (Half& value : values) value = float_to_half(float(random.uniform() - 0.5));
  std::vector<float> queries(q_dim);
  for (float& value : queries) value = float(random.uniform() - 0.5);
  const DeviceMemory<Half> cache = upload(values, stream), out(q_dim, "attention");
  const DeviceMemory<float> q = upload(queries, stream),
                            scratch(attention_scratch(heads, std::size_t(context), 1), "attention");
  const DeviceMemory<int> position = upload(std::vector<int>{context - 1}, stream);
  const auto run = [&] {
    for (int layer = 0; layer < layers; ++layer) {
      Half* keys = cache.get() + 2 * one * std::size_t(layer);
      launch_attention(q.get(), q_dim, 1, position.get(), heads, {keys, keys + one, context}, context,
                       float(1 / std::sqrt(double(heads.head_dim))), scratch.get(), out.get(), stream);
    }
  };
  run(); // loads the kernels
  stream.wait();
  const double seconds = time_of(stream, 9, 1, run).seconds / layers;
  const double rate = double(2 * one * sizeof(Half)) / seconds;
  std::printf("context %6d: %8.2f us, %5.0f GB/s, %.1f %% of the copy bandwidth\n", context, 1e6 * seconds,
              rate / 1e9, 100 * rate / bandwidth);
}

} // namespace

int main() {
  try {
    const DeviceReport devices = query_devices();
    if (devices.devices.empty()) throw std::runtime_error(devices.problem);
    const double bandwidth = measure_copy_bandwidth(0, 1024);
    const Stream stream(0);
    for (const int context : {512, 2048, 8192}) measure(context, bandwidth, stream);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_attention: %s\n", error.what());
    return 1;
  }
  return 0;
}
