// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Linears of Llama-3.1-8B with random codes: microseconds of each quantizer, path and batch, and the share of
// the copy bandwidth measured in the same run that the codes are read at. Then prefill: decode and GEMM
// against the GEMM alone.
//   bench_linears [--json] [--batches 1,8] [ID …]   decode; of each quantizer named, or of a few
//   bench_linears [--json] --prefill                prompts of 1,024 tokens
//   bench_linears --once                            five launches, for a profiler that counts what they do
// Launches go out as one CUDA graph, as in a decode step, over copies that exceed the device's cache.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "cuda/backend/device_query.h"
#include "cuda/launch/linears.h"
#include "cuda/memory/check.cuh"
#include "cuda/memory/device_memory.cuh"

using namespace intarsia;
using namespace intarsia::cuda;

namespace {

struct Layer {
  const char* name;
  std::vector<int> rows; // of the fused group
  int d_in;
  int total() const {
    int sum = 0;
    for (const int count : rows) sum += count;
    return sum;
  }
};
const Layer layers[] = {{"q+k+v", {4096, 1024, 1024}, 4096},
                        {"o", {4096}, 4096},
                        {"gate+up", {14336, 14336}, 4096},
                        {"down", {4096}, 14336}};
constexpr int prompt_tokens = 1024;

struct Options {
  bool json = false, prefill = false, once = false;
  std::vector<int> batches{1, 2, 4, 8, 16};
  std::vector<QuantizerId> quantizers;
};

// Those of whole bits between 2 and 4 that the palette has, and f16.
std::vector<QuantizerId> usual_quantizers() {
  std::vector<QuantizerId> ids;
  for (const Quantizer* member : palette()) {
    const QuantizerId id = member->id();
    const bool wanted = id.family == QuantizerFamily::tcq ? id.quarter_bits % 4 == 0 && id.quarter_bits <= 16
                        : id.family == QuantizerFamily::f16 ? true
                                                            : id.quarter_bits == 12;
    if (wanted) ids.push_back(id);
  }
  return ids;
}

Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--json") {
      options.json = true;
    } else if (word == "--prefill") {
      options.prefill = true;
    } else if (word == "--once") {
      options.once = true;
    } else if (word == "--batches" && i + 1 < count) {
      options.batches.clear();
      for (const char* at = words[++i]; *at;) {
        char* end = nullptr;
        const long batch = std::strtol(at, &end, 10);
        if (end == at || batch < 1 || batch > max_decode_rows)
          throw std::invalid_argument("--batches takes numbers from 1 to 16 with commas between them");
        options.batches.push_back(int(batch));
        at = *end == ',' ? end + 1 : end;
      }
    } else {
      options.quantizers.push_back(parse_quantizer_id(word));
    }
  }
  if (options.quantizers.empty()) options.quantizers = usual_quantizers();
  return options;
}

class Stream {
 public:
  Stream() { check(cudaStreamCreate(&stream_), "creating a stream"); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Microseconds of one of the `count` launches that `launch` makes: the median of several runs of the graph.
template <typename Launch>
double microseconds(const Stream& stream, int count, const Launch& launch) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t runnable = nullptr;
  launch(0); // loads the kernels, which a capture may not
  check(cudaStreamSynchronize(stream), "warming up");
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "beginning a graph");
  for (int i = 0; i < count; ++i) launch(i);
  check(cudaStreamEndCapture(stream, &graph), "ending a graph");
  check(cudaGraphInstantiate(&runnable, graph, 0), "making a graph");
  cudaEvent_t start = nullptr, stop = nullptr;
  check(cudaEventCreate(&start), "creating an event");
  check(cudaEventCreate(&stop), "creating an event");
  std::vector<float> runs;
  for (int run = 0; run < 12; ++run) {
    check(cudaEventRecord(start, stream), "recording an event");
    check(cudaGraphLaunch(runnable, stream), "running a graph");
    check(cudaEventRecord(stop, stream), "recording an event");
    check(cudaEventSynchronize(stop), "waiting for a graph");
    float elapsed = 0;
    check(cudaEventElapsedTime(&elapsed, start, stop), "reading the time");
    if (run >= 3) runs.push_back(elapsed);
  }
  cudaEventDestroy(start);
  cudaEventDestroy(stop);
  cudaGraphExecDestroy(runnable);
  cudaGraphDestroy(graph);
  std::sort(runs.begin(), runs.end());
  return 1e3 * double(runs[runs.size() / 2]) / count;
}

template <typename T>
DeviceMemory<T> upload(const std::vector<T>& values, const char* what) {
  DeviceMemory<T> memory(std::max<std::size_t>(values.size(), 1), what);
  if (!values.empty())
    check(cudaMemcpy(memory.get(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
          "uploading");
  return memory;
}

// Bytes that are codes, or f16 weights below 2 in size.
std::vector<std::uint64_t> random_codes(std::uint64_t bytes) {
  Random random(1);
  std::vector<std::uint64_t> words((bytes + 7) / 8);
  for (std::uint64_t& word : words) word = random.next() & 0xBFFFBFFFBFFFBFFFu;
  return words;
}

// A fused group, so many times over that no copy is still in the cache when its turn comes again.
class Group {
 public:
  Group(QuantizerId id, const Layer& layer, std::size_t cache_bytes)
      : scales_(upload(std::vector<Half>(std::size_t(layer.total()), 0x2400), "row scales"))
      , codebook_(upload(codebook_of(id), "a codebook"))
      , x_(upload(std::vector<Half>(std::size_t(max_decode_rows * layer.d_in), 0x3400), "activations"))
      , int8_(max_decode_rows * int8_row_bytes(std::size_t(layer.d_in), int8_terms), "activations in bytes")
      , split_(upload(std::vector<std::byte>(linear_scratch_bytes()), "zeros"))
      , y_(std::size_t(max_decode_rows) * std::size_t(layer.total()), "outputs")
      , d_in_(layer.d_in) {
    std::vector<std::uint64_t> starts;
    std::uint64_t bytes = 0;
    for (const int rows : layer.rows) {
      starts.push_back(bytes);
      bytes += (device_code_bytes(id, {std::size_t(rows), std::size_t(layer.d_in)}) + 15) / 16 * 16;
    }
    code_bytes_ = bytes;
    const auto codes = random_codes(bytes);
    const int copies = int(std::max<std::uint64_t>(4, 3 * cache_bytes / bytes + 1));
    const bool f16 = id.family == QuantizerFamily::f16;
    for (int copy = 0; copy < copies; ++copy) {
      codes_.push_back(upload(codes, "codes"));
      std::vector<DeviceLinear> group;
      int row = 0;
      for (std::size_t i = 0; i < starts.size(); row += layer.rows[i++])
        group.push_back({id, layer.rows[i], layer.d_in,
                         reinterpret_cast<const std::byte*>(codes_.back().get()) + starts[i],
                         f16 ? nullptr : scales_.get() + row,
                         quantizer(id).codebook().empty() ? nullptr : codebook_.get()});
      groups_.push_back(std::move(group));
    }
    int row = 0;
    for (const int rows : layer.rows) {
      outputs_.push_back({y_.get() + row, std::size_t(layer.total())});
      row += rows;
    }
  }

  double decode(KernelPath path, int batch, const Stream& stream) const {
    const int launches = int(std::max<std::size_t>(groups_.size(), 40));
    const LinearInput input = activations(batch, stream);
    return microseconds(stream, launches, [&](int i) {
      launch_linear_group(groups_[std::size_t(i) % groups_.size()], input, batch, outputs_, path,
                          linear_scratch_in(split_.get()), stream);
    });
  }
  void once(KernelPath path, int batch, const Stream& stream) const {
    launch_linear_group(groups_[0], activations(batch, stream), batch, outputs_, path,
                        linear_scratch_in(split_.get()), stream);
    check(cudaStreamSynchronize(stream), "multiplying");
  }
  std::uint64_t code_bytes() const { return code_bytes_; }
  const DeviceLinear& first() const { return groups_[0][0]; }

 private:
  LinearInput activations(int batch, const Stream& stream) const {
    const Int8Rows bytes =
        int8_rows_in(int8_.get(), std::size_t(max_decode_rows), std::size_t(d_in_), int8_terms);
    launch_quantize_rows(x_.get(), batch, d_in_, bytes, stream);
    return {x_.get(), bytes};
  }
  static std::vector<float> codebook_of(QuantizerId id) {
    const auto values = quantizer(id).codebook();
    return {values.begin(), values.end()};
  }

  DeviceMemory<Half> scales_;
  DeviceMemory<float> codebook_;
  DeviceMemory<Half> x_;
  DeviceMemory<std::byte> int8_, split_;
  DeviceMemory<float> y_;
  int d_in_;
  std::vector<DeviceMemory<std::uint64_t>> codes_;
  std::vector<std::vector<DeviceLinear>> groups_;
  std::vector<LinearOutput> outputs_;
  std::uint64_t code_bytes_ = 0;
};

class Report {
 public:
  Report(bool json, double bandwidth)
      : json_(json) {
    if (json_)
      std::printf("{\"copy_bytes_per_second\": %.6g, \"rows\": [", bandwidth);
    else
      std::printf("copy bandwidth: %.0f GB/s\n%-9s %-14s %-12s %5s %10s %9s %7s\n", bandwidth / 1e9, "layer",
                  "quantizer", "path", "batch", "us", "GB/s", "floor");
  }
  ~Report() {
    if (json_) std::printf("\n]}\n");
  }
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  void row(const char* layer, const std::string& quantizer, std::string_view path, int batch, double us,
           double bytes_per_second, double ratio) {
    const std::string kernel(path);
    if (json_)
      std::printf("%s\n  {\"layer\": \"%s\", \"quantizer\": \"%s\", \"kernel\": \"%s\", \"batch\": %d, "
                  "\"microseconds\": %.3f, \"bytes_per_second\": %.6g, \"ratio\": %.4f}",
                  first_ ? "" : ",", layer, quantizer.c_str(), kernel.c_str(), batch, us, bytes_per_second,
                  ratio);
    else
      std::printf("%-9s %-14s %-12s %5d %10.2f %9.0f %6.1f%%\n", layer, quantizer.c_str(), kernel.c_str(),
                  batch, us, bytes_per_second / 1e9, 100 * ratio);
    std::fflush(stdout);
    first_ = false;
  }

 private:
  bool json_, first_ = true;
};

void bench_decode(const Options& options, Report& report, double bandwidth, std::size_t cache_bytes,
                  const Stream& stream) {
  for (const Layer& layer : layers)
    for (const QuantizerId id : options.quantizers) {
      const Group group(id, layer, cache_bytes);
      for (const KernelPath path : {KernelPath::tensor_core, KernelPath::cuda_core})
        for (const int batch : options.batches) {
          if (!supports(id, path, batch) || (path == KernelPath::cuda_core && batch > 4)) continue;
          const double us = group.decode(path, batch, stream);
          const double rate = double(group.code_bytes()) / (us * 1e-6);
          report.row(layer.name, to_string(id), kernel_path_name(path), batch, us, rate, rate / bandwidth);
        }
    }
}

// Of each family the largest fused group at batch 1, and the first at batch 8.
void launch_once(const Stream& stream) {
  std::vector<QuantizerFamily> seen;
  for (const QuantizerId id : usual_quantizers()) {
    if (std::find(seen.begin(), seen.end(), id.family) != seen.end()) continue;
    const Group group(id, layers[2], 0);
    if (seen.empty()) group.once(KernelPath::tensor_core, 8, stream);
    group.once(KernelPath::tensor_core, 1, stream);
    seen.push_back(id.family);
  }
}

// `ratio`: the GEMM's time alone over that of decode and GEMM.
void bench_prefill(Report& report, std::size_t cache_bytes, const Stream& stream) {
  constexpr int tokens = prompt_tokens;
  constexpr std::size_t workspace_bytes = std::size_t(32) << 20;
  const DeviceMemory<std::byte> workspace(workspace_bytes, "cuBLAS");
  const Gemm gemm(workspace.get(), workspace_bytes);
  for (const Layer& layer : layers) {
    const int rows = layer.rows[0];
    const auto width = std::size_t(layer.d_in);
    const DeviceMemory<Half> w(std::size_t(rows) * width, "a decoded matrix");
    const auto x = upload(std::vector<Half>(tokens * width, 0x3400), "activations");
    const DeviceMemory<float> y(std::size_t(tokens) * std::size_t(rows), "outputs");
    const auto multiply = [&](int) {
      gemm.multiply(w.get(), width, rows, x.get(), width, tokens, layer.d_in, y.get(), std::size_t(rows),
                    stream);
    };
    for (const QuantizerId id : usual_quantizers()) {
      if (id.family == QuantizerFamily::f16) continue;
      const Group group(id, layer, cache_bytes);
      const auto decode = [&](int) { launch_decode_rows(group.first(), 0, rows, w.get(), width, stream); };
      decode(0);
      const double alone = microseconds(stream, 10, multiply);
      const double both = microseconds(stream, 10, [&](int i) {
        decode(i);
        multiply(i);
      });
      report.row(layer.name, to_string(id), "prefill", tokens, both,
                 2.0 * double(rows) * double(width) / (both * 1e-6), alone / both);
    }
  }
}

} // namespace

int main(int count, char** arguments) {
  try {
    const Options options = parse(count, arguments);
    const DeviceReport devices = query_devices();
    if (devices.devices.empty()) throw std::runtime_error(devices.problem);
    const double bandwidth = measure_copy_bandwidth(0, 1024);
    int cache_bytes = 0;
    check(cudaDeviceGetAttribute(&cache_bytes, cudaDevAttrL2CacheSize, 0), "asking for the cache's size");
    const Stream stream;
    if (options.once) {
      launch_once(stream);
      return 0;
    }
    Report report(options.json, bandwidth);
    if (options.prefill)
      bench_prefill(report, std::size_t(cache_bytes), stream);
    else
      bench_decode(options, report, bandwidth, std::size_t(cache_bytes), stream);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_linears: %s\n", error.what());
    return 1;
  }
  return 0;
}
