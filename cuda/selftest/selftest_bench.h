// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the selftest's cases are made of: random inputs, guarded outputs, comparisons.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>

#include "core/base/half.h"
#include "core/base/random.h"
#include "cuda/launch/linear_layout.h"
#include "cuda/memory/device_memory.cuh"
#include "cuda/memory/stream.h"
#include "cuda/memory/upload.h"

namespace intarsia::cuda {

inline float number(float x) { return x; }
inline float number(Half x) { return half_to_float(x); }
inline void assign(float& to, float x) { to = x; }
inline void assign(Half& to, float x) { to = float_to_half(x); }

// One kernel's cases.
class Bench {
 public:
  Bench(const Stream& on, std::uint64_t seed)
      : stream(on)
      , random(seed) {}

  int between(int low, int high) { return low + int(random.below(std::uint64_t(high - low + 1))); }
  std::vector<float> gaussian(std::size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = random.normal();
    return values;
  }
  template <typename T>
  std::vector<T> numbers(std::size_t count) {
    std::vector<T> values(count);
    for (T& value : values) assign(value, random.normal());
    return values;
  }
  std::vector<std::uint8_t> bytes(std::size_t count) {
    std::vector<std::uint8_t> values(count);
    for (auto& value : values) value = std::uint8_t(random.next() >> 56);
    return values;
  }

  // Errors are shares of `scale`; NaN, which the poison is, is infinitely wrong.
  void compare(double got, double expected, double scale) {
    const double error = std::abs(got - expected) / scale;
    worst = std::max(worst, std::isfinite(error) ? error : INFINITY);
  }

  const Stream& stream;
  Random random;
  double worst = 0;
  std::string problem;
};

// On the device, filled.
template <typename T>
class Input {
 public:
  Input(Bench& bench, std::vector<T> values)
      : host(std::move(values))
      , memory_(host.size(), "the selftest") {
    if (host.empty()) return;
    copy_to_device(memory_.get(), std::span<const T>(host), bench.stream, "copying the selftest's input");
    bench.stream.wait();
  }
  const T* get() const { return memory_.get(); }
  T* mutable_get() const { return memory_.get(); }

  std::vector<T> host;

 private:
  DeviceMemory<T> memory_;
};

// Poisoned before (or given its first content), and followed by a guard.
template <typename T>
class Output {
 public:
  Output(Bench& bench, std::size_t count, std::vector<T> before = {})
      : bench_(bench)
      , count_(count)
      , memory_(count + guard, "the selftest") {
    std::vector<T> content(count + guard);
    std::memset(content.data(), 0xFF, content.size() * sizeof(T)); // NaN
    std::copy(before.begin(), before.end(), content.begin());
    copy_to_device(memory_.get(), std::span<const T>(content), bench.stream, "poisoning an output");
    bench.stream.wait();
  }
  T* get() const { return memory_.get(); }

  std::vector<T> read() const {
    std::vector<T> content(count_ + guard);
    copy_to_host(std::span(content), static_cast<const T*>(memory_.get()), bench_.stream, "running a kernel");
    for (std::size_t i = count_; i < content.size(); ++i) {
      std::uint8_t bytes[sizeof(T)];
      std::memcpy(bytes, &content[i], sizeof(T));
      for (const std::uint8_t byte : bytes)
        if (byte != 0xFF) bench_.problem = "it wrote beyond its output";
    }
    content.resize(count_);
    return content;
  }
  // Against what is expected, by the largest of it.
  void compare(const std::vector<float>& expected) const {
    double largest = 1e-30;
    for (const float value : expected) largest = std::max(largest, std::abs(double(value)));
    const std::vector<T> got = read();
    for (std::size_t i = 0; i < expected.size(); ++i)
      bench_.compare(double(number(got[i])), double(expected[i]), largest);
  }

 private:
  static constexpr std::size_t guard = 256;
  Bench& bench_;
  std::size_t count_;
  DeviceMemory<T> memory_;
};

struct SelftestKernel {
  std::string name;
  double tolerance;
  std::function<void(Bench&)> run; // one case
};
// In a file each: what surrounds the linears, and the linears.
void add_kernel_cases(std::vector<SelftestKernel>& kernels);
void add_linear_cases(std::vector<SelftestKernel>& kernels);
// The same of shapes of real models, divided.
void add_real_kernel_cases(std::vector<SelftestKernel>& kernels, int divided_by);
void add_real_linear_cases(std::vector<SelftestKernel>& kernels, int divided_by);

} // namespace intarsia::cuda
