// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/profile/profiler.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/memory/cuda/memory_plan.h"
#include "core/memory/cuda/rotation_split.h"
#include "core/runtime/unsupported_on_cuda.h"
#include "cuda/backend/decode_graph.h"
#include "cuda/launch/linears.h"
#include "cuda/launch/timer.h"
#include "cuda/memory/arena.h"
#include "cuda/memory/upload.h"
#include "cuda/profile/profile_groups.h"

namespace intarsia::cuda {
namespace {

// Codes are read from here, each launch from another place, so that no cache holds them: in a decode step
// every weight is read once.
constexpr std::uint64_t min_pool = std::uint64_t(256) << 20;

std::uint64_t rounded(std::uint64_t bytes) { return (bytes + 255) / 256 * 256; }

std::uint64_t group_bytes(const ProfileGroup& shape, QuantizerId id) {
  std::uint64_t bytes = 0;
  for (const std::size_t d_out : shape.d_outs) bytes += rounded(device_code_bytes(id, {d_out, shape.d_in}));
  return bytes;
}

std::uint64_t pool_bytes(const std::vector<ProfileGroup>& shapes) {
  std::uint64_t largest = min_pool;
  for (const ProfileGroup& shape : shapes)
    for (const Quantizer* member : palette()) largest = std::max(largest, group_bytes(shape, member->id()));
  return largest;
}

// Random bytes; as binary16 most are numbers, and what they sum to is of no interest.
void fill(std::byte* to, std::uint64_t bytes, const Stream& stream) {
  Random random(1);
  std::vector<std::uint64_t> block(std::size_t(1) << 20);
  for (auto& word : block) word = random.next() & 0xBFFFBFFFBFFFBFFFull; // no NaN, no Inf in binary16
  for (std::uint64_t done = 0; done < bytes; done += 8 * block.size()) {
    const std::size_t part = std::size_t(std::min<std::uint64_t>(8 * block.size(), bytes - done));
    copy_to_device(to + done, std::as_bytes(std::span(block)).first(part), stream, "filling memory");
  }
  stream.wait();
}

// Memory that serves every measurement.
class Pool {
 public:
  Pool(const Stream& stream, const std::vector<ProfileGroup>& shapes)
      : arena_(plan(shapes), "the profiler") {
    for (const char* name : {"codes", "scales", "x", "int8"})
      fill(arena_.at<std::byte>(name), arena_.plan().part(name).bytes, stream);
    const std::vector<std::byte> zeros(linear_scratch_bytes());
    copy_to_device(arena_.at<std::byte>("split"), std::span(zeros), stream, "filling memory");
    stream.wait();
  }
  // The next groups are of this quantizer: its own codebook, so that what is multiplied is of its usual size.
  void choose(const Quantizer& quantizer, const Stream& stream) const {
    const auto book = quantizer.codebook();
    if (book.empty()) return;
    copy_to_device(arena_.at<float>("books"), std::span<const float>(book), stream, "uploading a codebook");
    stream.wait();
  }

  std::uint64_t code_bytes() const { return arena_.plan().part("codes").bytes; }
  // A group whose codes begin at `offset`.
  std::vector<DeviceLinear> group(const ProfileGroup& shape, QuantizerId id, std::uint64_t offset) const {
    std::vector<DeviceLinear> linears;
    const bool coded = id.family != QuantizerFamily::f16;
    for (const std::size_t d_out : shape.d_outs) {
      linears.push_back({id, int(d_out), int(shape.d_in), arena_.at<std::byte>("codes") + offset,
                         coded ? arena_.at<Half>("scales") : nullptr,
                         coded ? arena_.at<float>("books") : nullptr});
      offset += rounded(device_code_bytes(id, {d_out, shape.d_in}));
    }
    return linears;
  }
  LinearInput input(const ProfileGroup& shape) const {
    return {arena_.at<Half>("x"), int8_rows_in(arena_.at<void>("int8"), 1, shape.d_in, int8_terms)};
  }
  LinearScratch scratch() const { return linear_scratch_in(arena_.at<void>("split")); }
  std::vector<LinearOutput> outputs(const ProfileGroup& shape) const {
    std::vector<LinearOutput> outputs;
    float* y = arena_.at<float>("y");
    for (const std::size_t d_out : shape.d_outs) {
      outputs.push_back({y, d_out});
      y += d_out;
    }
    return outputs;
  }

 private:
  static ArenaPlan plan(const std::vector<ProfileGroup>& shapes) {
    std::size_t widest = 0, largest = 0, book = 1;
    for (const ProfileGroup& shape : shapes) {
      widest = std::max(widest, shape.d_in);
      largest = std::max(largest, shape.d_out());
    }
    for (const Quantizer* member : palette()) book = std::max(book, member->codebook().size());
    ArenaPlan plan;
    plan.add("codes", MemoryUse::workspace, pool_bytes(shapes));
    plan.add("scales", MemoryUse::workspace, sizeof(Half) * largest);
    plan.add("books", MemoryUse::workspace, sizeof(float) * book);
    plan.add("x", MemoryUse::workspace, sizeof(Half) * widest);
    plan.add("int8", MemoryUse::workspace, int8_row_bytes(widest, int8_terms));
    plan.add("split", MemoryUse::workspace, linear_scratch_bytes());
    plan.add("y", MemoryUse::workspace, sizeof(float) * largest);
    return plan;
  }

  Arena arena_;
};

// As in a decode step: launches of a graph, one behind the other.
Timing time_group(const Stream& stream, const Pool& pool, const ProfileGroup& shape, QuantizerId id,
                  KernelPath path, const ProfileOptions& options) {
  const std::uint64_t bytes = group_bytes(shape, id);
  const std::uint64_t places = std::max<std::uint64_t>(pool.code_bytes() / bytes, 1);
  const auto outputs = pool.outputs(shape);
  const auto launch = [&](std::uint64_t place) {
    launch_linear_group(pool.group(shape, id, place % places * bytes), pool.input(shape), 1, outputs, path,
                        pool.scratch(), stream);
  };
  launch(0); // loads the kernel
  stream.wait();
  DecodeGraph graph;
  graph.capture(stream, [&] {
    for (int i = 0; i < options.launches; ++i) launch(std::uint64_t(i));
  });
  Timing timing = time_of(stream, options.samples, 1, [&] { graph.launch(stream); });
  timing.seconds /= options.launches;
  timing.spread /= options.launches;
  return timing;
}

// --- the constant

// A decode step without the blocks' linears. What it computes on is of no interest.
class RestOfStep {
 public:
  RestOfStep(const Stream& stream, const ModelConfig& config, std::size_t context)
      : stream_(stream)
      , config_(config)
      , context_(context)
      , arena_(plan(config, context), "the profiler") {
    for (const char* name :
         {"residual", "qkv", "gate and up", "attended", "gain", "head", "kv", "frequencies"})
      fill(arena_.at<std::byte>(name), arena_.plan().part(name).bytes, stream);
    const int numbers[] = {int(context) - 1, 0}; // position, token
    copy_to_device(arena_.at<int>("numbers"), std::span<const int>(numbers), stream, "preparing a step");
    for (const char* name : {"wide signs", "attention signs", "hidden signs"})
      fill(arena_.at<std::byte>(name), arena_.plan().part(name).bytes, stream);
    stream.wait();
  }

  void enqueue() const {
    const int hidden = int(config_.hidden);
    const std::size_t all = config_.attention_dim() + 2 * config_.kv_dim();
    const Heads heads = heads_of(config_);
    Half* out = arena_.at<Half>("out");
    float *residual = arena_.at<float>("residual"), *qkv = arena_.at<float>("qkv"),
          *gate = arena_.at<float>("gate and up"), *attended = arena_.at<float>("attended");
    const float* gain = arena_.at<float>("gain");
    const int* position = arena_.at<int>("numbers");
    const Rows rows{residual, config_.hidden, 1, hidden};
    const DeviceRotation of_hidden = rotation(config_.hidden, "hidden"),
                         of_attention = rotation(config_.attention_dim(), "attention"),
                         of_wide = rotation(config_.intermediate, "wide");
    const DeviceCache cache{arena_.at<Half>("kv"), arena_.at<Half>("kv") + context_ * config_.kv_dim(),
                            int(context_)};
    launch_gather_rows(arena_.at<Half>("head"), config_.vocabulary, position + 1, 1, hidden, residual,
                       stream_);
    // A trellis's linears take their inputs in bytes; others go without, so that this is what a step takes at
    // most.
    const auto to_bytes = [&](std::size_t width) {
      launch_quantize_rows(out, 1, int(width), int8_rows_in(arena_.at<void>("int8"), 1, width, int8_terms),
                           stream_);
    };
    for (std::size_t i = 0; i < config_.blocks; ++i) {
      launch_rotate_normed(rows, gain, 1e-5f, of_hidden, out, stream_);
      to_bytes(config_.hidden);
      launch_rope_and_store(qkv, qkv + config_.attention_dim(),
                            qkv + config_.attention_dim() + config_.kv_dim(), all, 1,
                            arena_.at<float>("frequencies"), position, heads, cache, stream_);
      launch_attention(qkv, all, 1, position, heads, cache, cache.capacity, 0.1f,
                       arena_.at<float>("attention"), attended, stream_);
      launch_rotate(Rows{attended, config_.attention_dim(), 1, int(config_.attention_dim())}, of_attention,
                    out, stream_);
      to_bytes(config_.attention_dim());
      launch_add_residual(attended, config_.hidden, residual, stream_);
      launch_rotate_normed(rows, gain, 1e-5f, of_hidden, out, stream_);
      to_bytes(config_.hidden);
      launch_rotate_gated(Rows{gate, 2 * config_.intermediate, 1, int(config_.intermediate)},
                          gate + config_.intermediate, of_wide, out, stream_);
      to_bytes(config_.intermediate);
      launch_add_residual(gate, config_.hidden, residual, stream_);
    }
    launch_rms_norm(residual, 1, hidden, gain, 1e-5f, out, stream_);
    const DeviceLinear head{{},     int(config_.vocabulary), hidden, arena_.at<std::byte>("head"), nullptr,
                            nullptr};
    const LinearOutput logits{arena_.at<float>("logits"), config_.vocabulary};
    launch_linear_group(std::span(&head, 1), {out, {}}, 1, std::span(&logits, 1), KernelPath::tensor_core, {},
                        stream_);
  }

 private:
  static std::size_t dense_words(std::size_t d_in) { return dense_sign_bytes(split_rotation(d_in)) + 4; }

  DeviceRotation rotation(std::size_t d_in, const std::string& name) const {
    const RotationSplit split = split_rotation(d_in);
    const auto* signs = arena_.at<std::uint8_t>(name + " signs");
    return {int(split.blocks), int(split.order), int(split.power), signs,
            reinterpret_cast<const std::uint32_t*>(signs)};
  }

  static ArenaPlan plan(const ModelConfig& config, std::size_t context) {
    ArenaPlan plan;
    const auto add = [&](const char* name, std::uint64_t bytes) {
      plan.add(name, MemoryUse::workspace, bytes);
    };
    const std::size_t widest = std::max({config.hidden, config.attention_dim(), config.intermediate});
    add("numbers", 2 * sizeof(int));
    add("residual", sizeof(float) * config.hidden);
    add("qkv", sizeof(float) * (config.attention_dim() + 2 * config.kv_dim()));
    add("gate and up", sizeof(float) * std::max(2 * config.intermediate, config.hidden));
    add("attended", sizeof(float) * std::max(config.attention_dim(), config.hidden));
    add("gain", sizeof(float) * config.hidden);
    add("out", sizeof(Half) * widest);
    add("int8", int8_row_bytes(widest, int8_terms));
    add("frequencies", sizeof(float) * config.head_dim);
    // Dense signs are read in their place: times do not depend on what they are.
    add("hidden signs", std::max(config.hidden, dense_words(config.hidden)));
    add("attention signs", std::max(config.attention_dim(), dense_words(config.attention_dim())));
    add("wide signs", std::max(config.intermediate, dense_words(config.intermediate)));
    add("head", sizeof(Half) * f16_stride(config.hidden) * config.vocabulary);
    add("logits", sizeof(float) * config.vocabulary);
    add("attention", sizeof(float) * attention_scratch(heads_of(config), context, 1));
    add("kv", sizeof(Half) * 2 * context * config.kv_dim());
    return plan;
  }

  const Stream& stream_;
  const ModelConfig& config_;
  std::size_t context_;
  Arena arena_;
};

double constant_seconds(const Stream& stream, const ModelConfig& config, const ProfileOptions& options) {
  const RestOfStep step(stream, config, options.context);
  step.enqueue(); // loads the kernels
  stream.wait();
  DecodeGraph graph;
  graph.capture(stream, [&] { step.enqueue(); });
  return time_of(stream, options.samples, 1, [&] { graph.launch(stream); }).seconds;
}

} // namespace

LatencyTable profile(int device, const ModelConfig& config, const LayerGraph& graph,
                     const ProfileOptions& options, const JobControl& control) {
  require_cuda_support(config);
  const Stream stream(device);
  LatencyTable table;
  table.device_kind = "cuda";
  const auto shapes = profile_groups(graph);
  const double total = double(shapes.size() * palette().size());
  double done = 0;
  {
    const Pool pool(stream, shapes);
    for (const ProfileGroup& shape : shapes)
      for (const Quantizer* member : palette()) {
        control.throw_if_stopped();
        const std::string stage = to_string(member->id()) + ", " + std::to_string(shape.d_in) + " x " +
                                  std::to_string(shape.d_out());
        control.report(stage, done++, total);
        pool.choose(*member, stream);
        for (const KernelPath path : {KernelPath::tensor_core, KernelPath::cuda_core}) {
          if (!supports(member->id(), path, 1)) continue;
          const Timing timing = time_group(stream, pool, shape, member->id(), path, options);
          if (timing.seconds <= 0)
            throw Error(ErrorKind::internal, "the GPU's clock measured no time: " + stage);
          table.entries.push_back({shape.d_in, shape.d_out(), member->id(),
                                   std::string(kernel_path_name(path)), timing.seconds, timing.spread});
        }
      }
  }
  table.constant_seconds = constant_seconds(stream, config, options);
  control.report("the rest of a decode step", total, total);
  return table;
}

} // namespace intarsia::cuda
