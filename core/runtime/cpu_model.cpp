// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/cpu_model.h"

#include "core/base/error.h"
#include "core/runtime/cpu_batch.h"
#include "core/runtime/cpu_sequence.h"

namespace intarsia {
namespace {

CpuLinear& member(CpuBlock& block, LinearRole role) {
  switch (role) {
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

std::string* input_name(CpuBlock& block, LinearRole role) {
  switch (role) {
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
    , rope(config_)
    , blocks(config_.blocks) {
  const auto load = [&](const LinearLayer& layer) {
    control.throw_if_stopped();
    return CpuLinear(source.linear(layer),
                     layer.bias ? source.vector(layer.name + ".bias") : std::vector<float>{},
                     options.half_precision_weights);
  };
  embedding = load(graph_.embedding);
  std::size_t done = 0;
  for (const LinearLayer& layer : graph_.linears) {
    member(blocks[layer.block], layer.role) = load(layer);
    if (std::string* name = input_name(blocks[layer.block], layer.role)) *name = layer.input;
    control.report("loading " + layer.name, double(++done), double(graph_.linears.size()));
  }
  if (graph_.head) head_ = load(*graph_.head);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    blocks[i].input_norm = source.vector(prefix + "input_layernorm.weight");
    blocks[i].attention_norm = source.vector(prefix + "post_attention_layernorm.weight");
  }
  final_norm = source.vector("model.norm.weight");
}

CpuLinear& CpuModel::linear(std::string_view name) {
  const LinearLayer* layer = graph_.find(name);
  if (!layer) throw Error(ErrorKind::internal, "the model has no layer \"" + std::string(name) + "\"");
  if (layer->role == LinearRole::embedding) return embedding;
  return layer->role == LinearRole::head ? head_ : member(blocks[layer->block], layer->role);
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
         {&block.q, &block.k, &block.v, &block.o, &block.gate, &block.up, &block.down})
      bytes += layer->bytes();
    bytes += (block.input_norm.size() + block.attention_norm.size()) * sizeof(float);
  }
  return bytes;
}

std::unique_ptr<LanguageModel> load_on_cpu(const WeightSource& weights, const CpuOptions& options,
                                           const JobControl& control) {
  return std::make_unique<CpuModel>(weights, options, control);
}

} // namespace intarsia
