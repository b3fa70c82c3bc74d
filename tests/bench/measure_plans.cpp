// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Does the plan's loss say what the model will do? Measures KL divergence and perplexity of many plans of one
// model: random ones between 2 and 5 bits, every quantizer alone between two rates, and the allocator's own
// at the higher, one for each sensitivity file. Each layer is coded once a quantizer. One JSON object a line.
//   measure_plans MODEL TEXT LEAST_RATE RATE RANDOM_PLANS SENSITIVITY… > plans.jsonl
#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <map>
#include <string>
#include <vector>

#include "core/artifact/open_model.h"
#include "core/base/json.h"
#include "core/base/mapped_file.h"
#include "core/base/random.h"
#include "core/evaluation/evaluation.h"
#include "core/palette/quantized_linear.h"
#include "tests/bench/plan_at_rate.h"
#include "tests/support/one_document.h"

using namespace intarsia;

namespace {

constexpr std::size_t context = 512, random_tokens = 4 * context, named_tokens = 16 * context;
constexpr double lowest_rate = 2, highest_rate = 5;
constexpr std::uint64_t rotation_seed = 1;

using Scheme = std::map<std::string, QuantizerId>;

// Codes each layer when a plan first asks for it.
class CodedLayers {
 public:
  explicit CodedLayers(const OpenedModel& model)
      : model_(model) {}

  const QuantizedLinear& get(const LinearLayer& layer, QuantizerId id) {
    const auto key = std::pair(layer.name, to_string(id));
    if (const auto found = coded_.find(key); found != coded_.end()) return found->second;
    std::vector<float> weights = model_.checkpoint->read(layer.name + ".weight");
    auto& rotation = rotations_[layer.input];
    if (!rotation)
      rotation = std::make_shared<const Rotation>(layer.d_in, seed_for(rotation_seed, layer.input));
    return coded_[key] =
               quantize_linear(weights, {layer.d_out, layer.d_in}, id, rotation, layer.name, JobControl{});
  }

 private:
  const OpenedModel& model_;
  std::map<std::pair<std::string, std::string>, QuantizedLinear> coded_;
  std::map<std::string, std::shared_ptr<const Rotation>> rotations_;
};

class Bench {
 public:
  Bench(const char* model, const char* text)
      : opened_(open_model(model))
      , coded_(opened_)
      , reference_(load_on_cpu(opened_.weights(), {}, {}))
      , candidate_(load_on_cpu(opened_.weights(), {}, {}))
      , tokens_(opened_.tokenizer->encode(read_text_file(text))) {}

  const OpenedModel& opened() const { return opened_; }

  void measure(const std::string& kind, const Scheme& scheme, const Sensitivity& sensitivity,
               std::size_t tokens) {
    double predicted = 0, bits = 0, as_coded = 0;
    for (const LinearLayer& layer : opened_.graph().linears) {
      const QuantizerId id = scheme.at(layer.name);
      const QuantizedLinear& coded = coded_.get(layer, id);
      const double price = sensitivity.layers.at(layer.name);
      predicted += price * quantizer(id).distortion();
      as_coded += price * coded.distortion;
      bits += id.bits() * double(layer.weights());
      candidate_->replace_linear(layer.name, coded);
    }
    const auto result = divergence(
        *candidate_, *reference_,
        test::one_document(std::span(tokens_).first(std::min(tokens, tokens_.size()))), {context, 0}, {});
    fmt::print("{}\n", OrderedJson{{"kind", kind},
                                   {"bits", bits / double(opened_.graph().linear_weights())},
                                   {"predicted", predicted},
                                   {"predicted_as_coded", as_coded},
                                   {"kl", result.mean_kl},
                                   {"kl_error", result.standard_error},
                                   {"perplexity", result.model.perplexity},
                                   {"reference_perplexity", result.reference.perplexity},
                                   {"tokens", result.model.tokens}}
                           .dump());
    std::fflush(stdout);
  }

 private:
  OpenedModel opened_;
  CodedLayers coded_;
  std::unique_ptr<LanguageModel> reference_, candidate_;
  std::vector<int> tokens_;
};

// Half bits are enough to draw from, and keep the coding within half an hour.
std::vector<QuantizerId> pool() {
  std::vector<QuantizerId> ids;
  for (const Quantizer* member : palette()) {
    const QuantizerId id = member->id();
    const bool wanted = id.family == QuantizerFamily::nuq || id.family == QuantizerFamily::vq ||
                        (id.family == QuantizerFamily::tcq && id.bits() * 2 == int(id.bits() * 2));
    if (wanted && id.bits() >= lowest_rate && id.bits() <= highest_rate) ids.push_back(id);
  }
  return ids;
}

// Every plan has a middle rate of its own, and layers scatter around it by up to one bit.
Scheme random_scheme(const LayerGraph& graph, Random& random) {
  const double middle = lowest_rate + (highest_rate - lowest_rate) * random.uniform();
  std::vector<QuantizerId> near;
  for (const QuantizerId id : pool())
    if (std::abs(id.bits() - middle) <= 1) near.push_back(id);
  Scheme scheme;
  for (const LinearLayer& layer : graph.linears) scheme[layer.name] = near[random.below(near.size())];
  return scheme;
}

Scheme allocated(const OpenedModel& model, const Sensitivity& sensitivity, double rate) {
  Scheme scheme;
  for (const auto& [name, layer] : plan_at_rate(model, sensitivity, rate).layers)
    scheme[name] = layer.quantizer;
  return scheme;
}

Scheme uniform(const LayerGraph& graph, QuantizerId id) {
  Scheme scheme;
  for (const LinearLayer& layer : graph.linears) scheme[layer.name] = id;
  return scheme;
}

} // namespace

int main(int count, char** arguments) try {
  if (count < 7) {
    fmt::print(stderr, "usage: measure_plans MODEL TEXT LEAST_RATE RATE RANDOM_PLANS SENSITIVITY…\n");
    return 2;
  }
  Bench bench(arguments[1], arguments[2]);
  const LayerGraph& graph = bench.opened().graph();
  const double min_rate = std::atof(arguments[3]), rate = std::atof(arguments[4]);
  std::vector<Sensitivity> sensitivities;
  for (int i = 6; i < count; ++i) sensitivities.push_back(read_sensitivity(arguments[i]));
  Random random(1);
  for (int i = 0; i < std::atoi(arguments[5]); ++i)
    bench.measure("random", random_scheme(graph, random), sensitivities[0], random_tokens);
  for (std::size_t i = 0; i < sensitivities.size(); ++i)
    bench.measure("allocated " + std::string(arguments[6 + i]),
                  allocated(bench.opened(), sensitivities[i], rate), sensitivities[i], named_tokens);
  for (const Quantizer* member : palette())
    if (member->bits() >= min_rate && member->bits() <= rate)
      bench.measure(to_string(member->id()), uniform(graph, member->id()), sensitivities[0], named_tokens);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "measure_plans: {}\n", error.what());
  return 1;
}
