// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/backend/model.h"

#include <climits>

#include "core/base/error.h"
#include "core/base/free_memory.h"
#include "core/base/half.h"
#include "core/memory/cuda/memory_plan.h"
#include "core/memory/cuda/rotation_split.h"
#include "core/runtime/rope.h"
#include "core/runtime/unsupported_on_cuda.h"
#include "cuda/backend/load_on_cuda.h"
#include "cuda/backend/sequence.h"

namespace intarsia::cuda {
namespace {

// Copies and waits: what the source holds may go then.
template <typename T>
void upload(T* to, std::span<const T> from, const Stream& stream, const std::string& name) {
  const std::string what = "copying " + name + " to the GPU";
  copy_to_device(to, from, stream, what.c_str());
  stream.wait();
}

QuantizedLinear as_f16(const DenseLinear& dense) {
  QuantizedLinear half;
  half.shape = dense.shape;
  half.codes.resize(sizeof(Half) * dense.weights.size());
  auto* to = reinterpret_cast<Half*>(half.codes.data());
  for (std::size_t i = 0; i < dense.weights.size(); ++i) to[i] = float_to_half(dense.weights[i]);
  return half;
}

QuantizedLinear in_codes(LinearWeights weights) {
  if (auto* quantized = std::get_if<QuantizedLinear>(&weights)) return std::move(*quantized);
  return as_f16(std::get<DenseLinear>(weights));
}

QuantizerOf quantizers_of(const WeightSource& source) {
  return [&source](const LinearLayer& layer) { return source.quantizer_of(layer); };
}

// The plan of what is there in any case; sequences come later.
DeviceMemoryPlan plan_for(const WeightSource& source) {
  DeviceMemoryPlan plan{weight_arena(source.config(), source.graph(), quantizers_of(source)),
                        workspace_arena(source.graph(), quantizers_of(source)),
                        {}};
  require_device_memory(plan.total(), "the model");
  return plan;
}

DeviceRotation device_rotation(const RotationSplit& split, const std::uint8_t* signs,
                               const std::uint32_t* dense) {
  return {int(split.blocks), int(split.order), int(split.power), signs, split.order > 1 ? dense : nullptr};
}

const ModelConfig& supported(const ModelConfig& config) {
  require_cuda_support(config);
  return config;
}

} // namespace

CudaModel::CudaModel(int index, const WeightSource& source, const JobControl& control)
    : device(index)
    , config_(supported(source.config()))
    , graph_(source.graph())
    , stream(index)
    , weights((planned = plan_for(source)).weights, "the model's weights")
    , workspace(planned.workspace, "the model's workspace")
    , linears(graph_.linears.size())
    , blocks(config_.blocks)
    , fusions_(source.fusions()) {
  load(source, control);
  start_gemm();
  group_linears();
  give_back_free_memory();
}

const DenseProducts& CudaModel::products() const {
  return dense_products ? static_cast<const DenseProducts&>(*dense_products) : cpu_products();
}

void CudaModel::select() const { check(cudaSetDevice(device), "selecting a device"); }

void CudaModel::load(const WeightSource& source, const JobControl& control) {
  const std::vector<std::byte> zeros(linear_scratch_bytes());
  auto* split = workspace.at<std::byte>("split linears");
  upload(split, std::span(zeros), stream, "zeros");
  scratch = linear_scratch_in(split);
  load_linear(embedding, graph_.embedding, source);
  if (weights.has("no signs")) {
    const std::vector<std::uint8_t> none((config_.hidden + 7) / 8, 0);
    upload(weights.at<std::uint8_t>("no signs"), std::span(none), stream, "signs");
  }
  for (std::size_t i = 0; i < linears.size(); ++i) {
    control.throw_if_stopped();
    load_linear(linears[i], graph_.linears[i], source);
    control.report("loading " + graph_.linears[i].name, double(i + 1), double(linears.size()));
  }
  if (graph_.head) load_linear(head_.emplace(), *graph_.head, source);
  for (const NormLayer& norm : graph_.norms) {
    const std::string name = norm.name + ".weight";
    upload(weights.at<float>(name), std::span<const float>(source.vector(name)), stream, name);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    blocks[i].input_norm = weights.at<float>(prefix + "input_layernorm.weight");
    blocks[i].attention_norm = weights.at<float>(prefix + "post_attention_layernorm.weight");
  }
  final_norm = weights.at<float>("model.norm.weight");
  const Rope rope(config_);
  upload(weights.at<float>("rope"), std::span<const float>(rope.frequencies()), stream,
         "the position embedding");
  rope_frequencies = weights.at<float>("rope");
}

void CudaModel::load_linear(CudaLinear& to, const LinearLayer& layer, const WeightSource& source) {
  to.layer = graph_.find(layer.name);
  to.planned_kernel = source.kernel_of(layer);
  place(to, in_codes(source.linear(layer)));
  if (!layer.bias) return;
  upload(weights.at<float>(bias_part(layer)), std::span<const float>(source.vector(layer.name + ".bias")),
         stream, bias_part(layer));
  to.bias = weights.at<float>(bias_part(layer));
}

// Codes, scales, codebook and rotation into device memory: into the arena where they fit.
void CudaModel::place(CudaLinear& to, const QuantizedLinear& layer) {
  const std::string& name = to.layer->name;
  const auto memory_for = [&](const std::string& part, std::uint64_t bytes) {
    if (weights.has(part) && bytes <= weights.plan().part(part).bytes) return weights.at<std::byte>(part);
    require_device_memory(bytes, "layer " + name);
    return to.own.emplace_back(bytes, name.c_str()).get();
  };
  to.own.clear();
  to.weights = {layer.quantizer, int(layer.shape.rows), int(layer.shape.columns), nullptr, nullptr, nullptr};
  const std::vector<std::byte> codes = device_codes(layer);
  std::byte* place_of_codes = memory_for(name, codes.size());
  upload(place_of_codes, std::span(codes), stream, name);
  to.weights.codes = place_of_codes;
  to.rotation = {};
  if (layer.quantizer.family == QuantizerFamily::f16) return;
  auto* scales = reinterpret_cast<Half*>(memory_for(scales_part(*to.layer), 2 * layer.row_scales.size()));
  upload(scales, std::span(layer.row_scales), stream, scales_part(*to.layer));
  to.weights.row_scales = scales;
  to.weights.codebook = codebook_for(to, layer.quantizer);
  to.rotation = rotation_for(to, layer.rotation);
}

const float* CudaModel::codebook_for(CudaLinear& to, QuantizerId id) {
  const auto book = quantizer(id).codebook();
  if (book.empty()) return nullptr;
  const std::string part = codebook_part(id);
  float* place_of_book = nullptr;
  if (weights.has(part))
    place_of_book = weights.at<float>(part);
  else
    place_of_book = reinterpret_cast<float*>(to.own.emplace_back(book.size_bytes(), part.c_str()).get());
  upload(place_of_book, book, stream, part); // the same each time
  return place_of_book;
}

DeviceRotation CudaModel::rotation_for(CudaLinear& to, const std::shared_ptr<const Rotation>& rotation) {
  const RotationSplit split = split_rotation(*rotation);
  const std::string part = signs_part(*to.layer), dense = dense_part(to.layer->d_in, false);
  const bool is_new = weights.has(part) && rotations_.emplace(part, rotation).second;
  if (weights.has(part) && rotations_.at(part) == rotation) {
    if (is_new) {
      upload(weights.at<std::uint8_t>(part), std::span(rotation->signs()), stream, part);
      for (const bool transposed : {false, true})
        if (const std::string name = dense_part(to.layer->d_in, transposed); weights.has(name))
          upload(weights.at<std::uint32_t>(name),
                 std::span<const std::uint32_t>(dense_signs(split, transposed)), stream, name);
    }
    return device_rotation(split, weights.at<std::uint8_t>(part),
                           weights.has(dense) ? weights.at<std::uint32_t>(dense) : nullptr);
  }
  // A replacement brought its own.
  to.keeps = rotation;
  auto& signs = to.own.emplace_back(rotation->signs().size(), part.c_str());
  auto* sign_bytes = reinterpret_cast<std::uint8_t*>(signs.get());
  upload(sign_bytes, std::span(rotation->signs()), stream, part);
  const auto words = dense_signs(split, false);
  auto* dense_words = reinterpret_cast<std::uint32_t*>(to.own.emplace_back(4 * words.size(), "signs").get());
  if (!words.empty()) upload(dense_words, std::span(words), stream, dense);
  return device_rotation(split, sign_bytes, dense_words);
}

DeviceRotation CudaModel::inverse_of(const DeviceRotation& rotation) const {
  DeviceRotation inverse = rotation;
  inverse.signs = weights.at<std::uint8_t>("no signs");
  const std::string name = dense_part(config_.hidden, true);
  if (rotation.hadamard) inverse.hadamard = weights.at<std::uint32_t>(name);
  return inverse;
}

void CudaModel::start_gemm() {
  try {
    gemm = std::make_unique<Gemm>(workspace.at<void>("cublas"), workspace.plan().part("cublas").bytes);
    dense_products.emplace(device, *gemm, stream);
  } catch (const std::exception& error) {
    if (context_is_lost()) throw;
    why_no_gemm = "prompts are read slowly, " + std::to_string(max_decode_rows) +
                  " tokens at a time, and sensitivity is measured on the CPU: " + error.what();
  }
}

void CudaModel::group_linears() {
  const auto alike = [&](std::size_t a, std::size_t b) {
    const CudaLinear &x = linears[a], &y = linears[b];
    return x.weights.quantizer == y.weights.quantizer && x.weights.codebook == y.weights.codebook &&
           x.rotation.signs == y.rotation.signs &&
           kernel_for(x.weights.quantizer, x.planned_kernel, 1) ==
               kernel_for(y.weights.quantizer, y.planned_kernel, 1);
  };
  for (LaunchBundle& bundle : launch_bundles(graph_, fusions_, alike)) {
    const LinearLayer& first = graph_.linears[bundle[0][0]];
    CudaBlock& block = blocks[first.block];
    LaunchBundle& to = first.role == LinearRole::q      ? block.qkv
                       : first.role == LinearRole::o    ? block.out
                       : first.role == LinearRole::gate ? block.mlp
                                                        : block.down;
    to = std::move(bundle);
  }
}

CudaLinear& CudaModel::find(std::string_view name) {
  if (embedding.layer->name == name) return embedding;
  if (head_ && head_->layer->name == name) return *head_;
  for (CudaLinear& linear : linears)
    if (linear.layer->name == name) return linear;
  throw Error(ErrorKind::internal, "the model has no layer \"" + std::string(name) + "\"");
}

void CudaModel::replace_linear(std::string_view name, LinearWeights replacement) {
  select();
  CudaLinear& target = find(name);
  const QuantizedLinear coded = in_codes(std::move(replacement));
  if (int(coded.shape.rows) != target.weights.d_out || int(coded.shape.columns) != target.weights.d_in)
    throw Error(ErrorKind::internal,
                "layer \"" + std::string(name) + "\" was given weights of another shape");
  if (&target == &embedding && coded.rotation && !weights.has("no signs"))
    throw Error(ErrorKind::unsupported, "an embedding in f16 cannot be replaced by a rotated one on the GPU");
  stream.wait();
  ++version;
  place(target, coded);
  group_linears();
}

std::unique_ptr<Sequence> CudaModel::new_sequence(std::size_t capacity) {
  if (capacity == 0 || capacity > INT_MAX / 2)
    throw Error(ErrorKind::usage, "a context of " + std::to_string(capacity) + " tokens cannot be computed");
  select();
  return std::make_unique<CudaSequence>(*this, capacity);
}

std::unique_ptr<LanguageModel> load_on_cuda(int index, const WeightSource& weights,
                                            const JobControl& control) {
  return std::make_unique<CudaModel>(index, weights, control);
}

bool gpu_is_lost() { return context_is_lost(); }

} // namespace intarsia::cuda
