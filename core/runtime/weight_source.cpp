// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/weight_source.h"

namespace intarsia {
namespace {

class DenseWeights : public WeightSource {
 public:
  explicit DenseWeights(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint) {}

  const ModelConfig& config() const override { return checkpoint_.config(); }
  const LayerGraph& graph() const override { return checkpoint_.graph(); }
  LinearWeights linear(const LinearLayer& layer) const override {
    return DenseLinear{{layer.d_out, layer.d_in}, checkpoint_.read(layer.name + ".weight")};
  }
  std::optional<StoredLinear> stored(const LinearLayer& layer) const override {
    auto rows = checkpoint_.stored_rows(layer.name + ".weight");
    if (!rows) return std::nullopt;
    return StoredLinear{{layer.d_out, layer.d_in}, std::move(*rows)};
  }
  std::vector<float> vector(std::string_view tensor_name) const override {
    return checkpoint_.read(tensor_name);
  }

 private:
  const Checkpoint& checkpoint_;
};

} // namespace

std::unique_ptr<WeightSource> dense_weights(const Checkpoint& checkpoint) {
  return std::make_unique<DenseWeights>(checkpoint);
}

} // namespace intarsia
