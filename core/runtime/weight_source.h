// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A model's weights as backends read them: from a checkpoint, dense or in its file's types, or from an
// artifact, quantized.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/model/layer_graph.h"
#include "core/palette/quantized_linear.h"

namespace intarsia {

struct DenseLinear {
  MatrixShape shape;          // [d_out, d_in]
  std::vector<float> weights; // row-major
};
// Weights that stay in a checkpoint's memory-mapped file, in the file's type.
struct StoredLinear {
  MatrixShape shape;
  StoredRows rows;
};
using LinearWeights = std::variant<DenseLinear, QuantizedLinear>;

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const LayerGraph& graph() const = 0;
  // Reads the layer's weights, embedding and head included. Throws Error{input} naming a tensor that is
  // damaged.
  virtual LinearWeights linear(const LinearLayer& layer) const = 0;
  // The weights in the mapped file, for devices that can multiply from there; nullopt: linear() has to be
  // used.
  virtual std::optional<StoredLinear> stored(const LinearLayer&) const { return std::nullopt; }
  // A vector by its full tensor name: a bias (d_out values) or the gain of a norm (NormLayer::width values).
  virtual std::vector<float> vector(std::string_view tensor_name) const = 0;

  // The plan's quantizers, kernels and fusion groups, for devices that allocate memory before they read and
  // have several kernels. A checkpoint has no plan: every layer is f16, by any kernel.
  virtual QuantizerId quantizer_of(const LinearLayer&) const { return {}; }
  virtual std::string kernel_of(const LinearLayer&) const { return {}; } // "tensor-core", …; empty: any
  virtual std::vector<std::vector<std::string>> fusions() const {
    return {};
  } // names of layers fused together
};

// Reads from a checkpoint, which must outlive it; linear() returns DenseLinear.
std::unique_ptr<WeightSource> dense_weights(const Checkpoint& checkpoint);

} // namespace intarsia
