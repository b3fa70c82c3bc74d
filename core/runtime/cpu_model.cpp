// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_model.h"

#include "core/base/error.h"
#include "core/runtime/cpu_batch.h"
#include "core/runtime/cpu_sequence.h"

namespace intarsia {
namespace {

// Embedding or head in 8 bits; nullopt where the plan quantizes it.
std::optional<ByteLinear> in_bytes(const WeightSource& source, const LinearLayer& layer) {
  const MatrixShape shape{layer.d_out, layer.d_in};
  if (source.quantizer_of(layer).family != QuantizerFamily::f16) return std::nullopt;
  if (const auto stored = source.stored(layer)) return to_bytes(stored->rows, shape, layer.name);
  const LinearWeights weights = source.linear(layer);
  const auto* halves = std::get_if<QuantizedLinear>(&weights);
  if (!halves) return std::nullopt;
  return to_bytes({DType::f16, halves->codes}, shape, layer.name);
}

CpuLinear& member(CpuExpert& expert, LinearRole role) {
  if (role == LinearRole::gate) return expert.gate;
  return role == LinearRole::up ? expert.up : expert.down;
}

CpuLinear& member(CpuBlock& block, const LinearLayer& layer) {
  const bool mlp =
      layer.role == LinearRole::gate || layer.role == LinearRole::up || layer.role == LinearRole::down;
  if (mlp && !block.experts.empty()) return member(block.experts[layer.expert], layer.role);
  switch (layer.role) {
  case LinearRole::q:
    return block.q;
  case LinearRole::k:
    return block.k;
  case LinearRole::v:
    return block.v;
  case LinearRole::o:
    return block.o;
  case LinearRole::gate:
    return block.gate;
  case LinearRole::up:
    return block.up;
  default:
    return block.down;
  }
}

std::string* input_name(CpuBlock& block, const LinearLayer& layer) {
  if (!block.experts.empty() && layer.role == LinearRole::gate) return &block.experts[layer.expert].input;
  if (!block.experts.empty() && layer.role == LinearRole::down)
    return &block.experts[layer.expert].down_input;
  switch (layer.role) {
  case LinearRole::q:
    return &block.attention_input;
  case LinearRole::o:
    return &block.output_input;
  case LinearRole::gate:
    return &block.mlp_input;
  case LinearRole::down:
    return &block.down_input;
  default:
    return nullptr;
  }
}

} // namespace

CpuModel::CpuModel(const WeightSource& source, const CpuOptions& chosen, const JobControl& control)
    : config_(source.config())
    , graph_(source.graph())
    , options(chosen)
    , blocks(config_.blocks) {
  const auto load = [&](const LinearLayer& layer) {
    control.throw_if_stopped();
    auto bias = layer.bias ? source.vector(layer.name + ".bias") : std::vector<float>{};
    if (options.byte_vocabulary && options.activation_terms > 0 && in_vocabulary(layer))
      if (auto bytes = in_bytes(source, layer)) return CpuLinear(std::move(*bytes), std::move(bias));
    if (auto stored = source.stored(layer)) return CpuLinear(std::move(*stored), std::move(bias));
    return CpuLinear(source.linear(layer), std::move(bias), options.half_precision_weights);
  };
  embedding = load(graph_.embedding);
  for (const LinearLayer& router : graph_.routers) {
    blocks[router.block].router = load(router);
    blocks[router.block].experts.resize(config_.experts);
  }
  std::size_t done = 0;
  for (const LinearLayer& layer : graph_.linears) {
    member(blocks[layer.block], layer) = load(layer);
    if (std::string* name = input_name(blocks[layer.block], layer)) *name = layer.input;
    control.report("loading " + layer.name, double(++done), double(graph_.linears.size()));
  }
  if (graph_.head) head_ = load(*graph_.head);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const BlockNorms names = block_norms(config_, i);
    const auto gain = [&](const std::string& name) {
      return name.empty() ? std::vector<float>{} : source.vector(name + ".weight");
    };
    blocks[i].before_attention = gain(names.before_attention);
    blocks[i].after_attention = gain(names.after_attention);
    blocks[i].before_mlp = gain(names.before_mlp);
    blocks[i].after_mlp = gain(names.after_mlp);
    blocks[i].q_norm = gain(names.q);
    blocks[i].k_norm = gain(names.k);
  }
  final_norm = source.vector("model.norm.weight");
}

CpuLinear& CpuModel::linear(std::string_view name) {
  const LinearLayer* layer = graph_.find(name);
  if (!layer) throw Error(ErrorKind::internal, "the model has no layer \"" + std::string(name) + "\"");
  if (layer->role == LinearRole::embedding) return embedding;
  if (layer->role == LinearRole::router) return blocks[layer->block].router;
  return layer->role == LinearRole::head ? head_ : member(blocks[layer->block], *layer);
}

void CpuModel::replace_linear(std::string_view name, LinearWeights weights) {
  CpuLinear& target = linear(name);
  const MatrixShape shape = std::visit([](const auto& layer) { return layer.shape; }, weights);
  if (shape.rows != target.shape().rows || shape.columns != target.shape().columns)
    throw Error(ErrorKind::internal,
                "layer \"" + std::string(name) + "\" was given weights of another shape");
  target.replace(std::move(weights), options.half_precision_weights);
}

std::unique_ptr<Sequence> CpuModel::new_sequence(std::size_t capacity) {
  return std::make_unique<CpuSequence>(*this, capacity);
}

std::unique_ptr<SequenceBatch> CpuModel::new_batch(std::size_t count, std::size_t capacity) {
  return std::make_unique<CpuBatch>(*this, count, capacity);
}

std::vector<float> CpuModel::step(std::span<Sequence* const> sequences, std::span<const int> tokens,
                                  std::stop_token stop) {
  std::vector<CpuSequence*> own;
  for (Sequence* sequence : sequences) own.push_back(&dynamic_cast<CpuSequence&>(*sequence));
  return CpuSequence::step(own, tokens, stop);
}

std::uint64_t CpuModel::weight_bytes() const {
  std::uint64_t bytes = embedding.bytes() + head_.bytes() + final_norm.size() * sizeof(float);
  for (const CpuBlock& block : blocks) {
    for (const CpuLinear* layer :
         {&block.q, &block.k, &block.v, &block.o, &block.gate, &block.up, &block.down, &block.router})
      bytes += layer->bytes();
    for (const CpuExpert& expert : block.experts)
      bytes += expert.gate.bytes() + expert.up.bytes() + expert.down.bytes();
    for (const std::vector<float>* gain : {&block.before_attention, &block.after_attention, &block.before_mlp,
                                           &block.after_mlp, &block.q_norm, &block.k_norm})
      bytes += gain->size() * sizeof(float);
  }
  return bytes;
}

std::unique_ptr<LanguageModel> load_on_cpu(const WeightSource& weights, const CpuOptions& options,
                                           const JobControl& control) {
  return std::make_unique<CpuModel>(weights, options, control);
}

} // namespace intarsia
