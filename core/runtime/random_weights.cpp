// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/random_weights.h"

#include <cstring>
#include <map>

#include "core/base/half.h"
#include "core/base/random.h"

namespace intarsia {
namespace {

class RandomWeights : public WeightSource {
 public:
  RandomWeights(const ModelConfig& config, const LayerGraph& graph, QuantizerId id)
      : config_(config)
      , graph_(graph)
      , id_(id) {
    for (const LinearLayer& layer : graph.linears)
      if (!rotations_.contains(layer.input))
        rotations_[layer.input] = std::make_shared<const Rotation>(layer.d_in, seed_for(1, layer.input));
  }

  const ModelConfig& config() const override { return config_; }
  const LayerGraph& graph() const override { return graph_; }

  LinearWeights linear(const LinearLayer& layer) const override {
    const bool coded = !in_vocabulary(layer) && is_planned(layer);
    QuantizedLinear linear =
        random_linear(coded ? id_ : QuantizerId{}, {layer.d_out, layer.d_in}, seed_for(1, layer.name));
    if (coded) linear.rotation = rotations_.at(layer.input);
    return linear;
  }
  std::vector<float> vector(std::string_view tensor_name) const override {
    const std::string_view name = tensor_name.substr(0, tensor_name.rfind('.'));
    if (const LinearLayer* layer = graph_.find(name)) return std::vector<float>(layer->d_out, 0.f);
    for (const NormLayer& norm : graph_.norms)
      if (norm.name == name) return std::vector<float>(norm.width, 1.f);
    return std::vector<float>(config_.hidden, 1.f);
  }

 private:
  ModelConfig config_;
  LayerGraph graph_;
  QuantizerId id_;
  std::map<std::string, std::shared_ptr<const Rotation>> rotations_;
};

} // namespace

QuantizedLinear random_linear(QuantizerId id, MatrixShape shape, std::uint64_t seed) {
  QuantizedLinear linear{id, shape, {}, {}, nullptr, 0, {}};
  linear.codes.resize(quantizer(id).code_bytes(shape));
  Random random(seed);
  if (id.family == QuantizerFamily::f16) { // small numbers, so that nothing overflows
    const std::uint16_t values[] = {float_to_half(0.02f), float_to_half(-0.02f), float_to_half(0.01f),
                                    float_to_half(-0.01f)};
    for (std::size_t i = 0; i < shape.size(); ++i)
      std::memcpy(linear.codes.data() + 2 * i, &values[random.next() & 3], 2);
    return linear;
  }
  for (std::size_t i = 0; i < linear.codes.size(); i += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(linear.codes.data() + i, &word, std::min<std::size_t>(8, linear.codes.size() - i));
  }
  linear.row_scales.assign(shape.rows, float_to_half(0.02f));
  return linear;
}

std::unique_ptr<WeightSource> random_weights(const ModelConfig& config, const LayerGraph& graph,
                                             QuantizerId id) {
  return std::make_unique<RandomWeights>(config, graph, id);
}

} // namespace intarsia
