// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How fast the GPU quantizes: weights a second of every trellis rate, of NUQ and of VQ, on rows of a
// Llama-3.1-8B down_proj as they come from host memory; next to the limit that the device's instruction rate
// sets to the search, and beside it whether the codes of a small layer are the CPU's.
//   gpu_bench_encode [--device N] [--rows N] [--feedback] [--json] [ID …]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime_api.h>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/palette/trellis.h"
#include "cuda/memory/check.cuh"
#include "cuda/backend/device_query.h"
#include "cuda/encode/encoders.h"

using namespace intarsia;

namespace {

constexpr std::size_t down_columns = 14336;        // Llama-3.1-8B's down_proj: 4,096 x 14,336
constexpr double linear_weights = 6.979'321'856e9; // of its 32 blocks

struct Options {
  int device = 0;
  std::size_t rows = 1024;
  bool feedback = false, json = false;
  std::vector<QuantizerId> ids;
};

Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const bool more = i + 1 < count;
    if (word == "--device" && more)
      options.device = std::atoi(words[++i]);
    else if (word == "--rows" && more)
      options.rows = std::size_t(std::max(1, std::atoi(words[++i])));
    else if (word == "--feedback")
      options.feedback = true;
    else if (word == "--json")
      options.json = true;
    else
      options.ids.push_back(parse_quantizer_id(word));
  }
  if (!options.ids.empty()) return options;
  for (int quarters = 6; quarters <= 20; ++quarters) options.ids.push_back({QuantizerFamily::tcq, quarters});
  for (const int quarters : {9, 13}) options.ids.push_back({QuantizerFamily::half_tcq, quarters});
  for (const int quarters : {8, 16, 24}) options.ids.push_back({QuantizerFamily::vq, quarters});
  for (const int quarters : {12, 16, 32}) options.ids.push_back({QuantizerFamily::nuq, quarters});
  return options;
}

std::vector<float> gaussian(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(size);
  for (float& value : values) value = 0.02f * random.normal();
  return values;
}

// Inputs that correlate with their neighbours.
HessianFactor correlated(const Rotation& rotation) {
  const std::size_t n = rotation.dimension();
  std::vector<float> moment(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      moment[i * n + j] = i == j ? 1.f : 0.5f / float(1 + (i > j ? i - j : j - i));
  return HessianFactor(std::move(moment), rotation);
}

LinearSource source_of(QuantizerId id, MatrixShape shape, const std::vector<float>& weights,
                       const std::shared_ptr<const Rotation>& rotation, const HessianFactor* hessian) {
  return {id,
          shape,
          rotation,
          to_string(id),
          [&weights, shape](std::size_t first, std::size_t count, std::span<float> to) {
            std::copy_n(weights.data() + first * shape.columns, count * shape.columns, to.data());
          },
          hessian};
}

// Instructions of the search a second over those of a weight: 6 for each of 2^16 states, in 1 + 1/2 passes.
std::optional<double> search_limit(QuantizerId id, int device) {
  if (id.family != QuantizerFamily::tcq && id.family != QuantizerFamily::half_tcq) return {};
  int processors = 0, kilohertz = 0;
  cuda::check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device),
              "asking the device");
  cuda::check(cudaDeviceGetAttribute(&kilohertz, cudaDevAttrClockRate, device), "asking the device");
  constexpr double lanes = 128, instructions = 6 * 1.5 * trellis::states;
  return processors * lanes * kilohertz * 1e3 / instructions;
}

struct Measured {
  QuantizerId id;
  double rate = 0; // weights a second, the copies counted
  std::optional<double> limit;
  double codes_differ = 0;     // share of the bytes, of a small layer
  double distortion_ratio = 1; // of that layer's, GPU over CPU
  double minutes() const { return linear_weights / rate / 60; }
};

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void compare_with_cpu(QuantizerId id, const cuda::DeviceEncoder& encoder, Measured& measured) {
  const MatrixShape shape{37, 448};
  const auto rotation = std::make_shared<const Rotation>(shape.columns, 3);
  std::vector<float> weights = gaussian(shape.size(), 5);
  const QuantizedLinear gpu = encoder.quantize(source_of(id, shape, weights, rotation, nullptr), {});
  const QuantizedLinear cpu = quantize_linear(weights, shape, id, rotation, to_string(id), {});
  std::size_t different = 0;
  for (std::size_t i = 0; i < cpu.codes.size(); ++i) different += cpu.codes[i] != gpu.codes[i];
  measured.codes_differ = double(different) / double(cpu.codes.size());
  measured.distortion_ratio = gpu.distortion / cpu.distortion;
}

std::vector<Measured> measure(const Options& options) {
  const cuda::DeviceEncoder encoder(options.device);
  const std::size_t columns = options.feedback ? 4096 : down_columns; // factoring the larger takes minutes
  const MatrixShape shape{options.rows, columns};
  const auto rotation = std::make_shared<const Rotation>(columns, 1);
  const std::vector<float> weights = gaussian(shape.size(), 2);
  std::unique_ptr<HessianFactor> hessian;
  if (options.feedback) hessian = std::make_unique<HessianFactor>(correlated(*rotation));
  std::vector<Measured> results;
  for (const QuantizerId id : options.ids) {
    Measured measured{.id = id, .limit = search_limit(id, options.device)};
    compare_with_cpu(id, encoder, measured); // and warms up
    const auto source = source_of(id, shape, weights, rotation, hessian.get());
    measured.rate = double(shape.size()) / seconds_of([&] { encoder.quantize(source, {}); });
    if (!options.json)
      std::printf("%-14s %8.2f M weights/s  %6.2f min for 8B  %5.1f %% of the limit  codes differ %.4f %%  "
                  "distortion x %.5f\n",
                  to_string(id).c_str(), measured.rate / 1e6, measured.minutes(),
                  measured.limit ? 100 * measured.rate / *measured.limit : 0., 100 * measured.codes_differ,
                  measured.distortion_ratio);
    std::fflush(stdout);
    results.push_back(measured);
  }
  return results;
}

nlohmann::json to_json(const Options& options, const std::vector<Measured>& results) {
  nlohmann::json list = nlohmann::json::array();
  for (const Measured& measured : results) {
    nlohmann::json entry = {{"quantizer", to_string(measured.id)},
                            {"weights_per_second", measured.rate},
                            {"minutes_8b", measured.minutes()},
                            {"codes_differ", measured.codes_differ},
                            {"distortion_ratio", measured.distortion_ratio}};
    if (measured.limit) entry["of_limit"] = measured.rate / *measured.limit;
    list.push_back(std::move(entry));
  }
  return {{"bench", "encode"}, {"rows", options.rows}, {"feedback", options.feedback}, {"results", list}};
}

} // namespace

int main(int count, char** words) {
  try {
    const Options options = parse(count, words);
    const auto report = cuda::query_devices();
    if (report.devices.empty()) {
      std::fprintf(stderr, "%s\n", report.problem.c_str());
      return 1;
    }
    const auto results = measure(options);
    if (options.json) std::printf("%s\n", to_json(options, results).dump(1).c_str());
    const bool right = std::all_of(results.begin(), results.end(), [](const Measured& measured) {
      return measured.codes_differ < 0.01 && std::abs(measured.distortion_ratio - 1) < 1e-3;
    });
    if (!right) std::fprintf(stderr, "the GPU's codes are not the CPU's\n");
    return right ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
