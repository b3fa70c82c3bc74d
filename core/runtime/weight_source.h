// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where a backend takes a model's weights from: a checkpoint as it is, or an artifact in codes.
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
// Left in a checkpoint's file, which stays mapped.
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
  virtual LinearWeights linear(const LinearLayer& layer) const = 0; // embedding and head too
  // The linear where it lies, for devices that multiply from there; nothing where linear() must be asked.
  virtual std::optional<StoredLinear> stored(const LinearLayer&) const { return std::nullopt; }
  // Bias of a linear (d_out values), a norm's gain (hidden values).
  virtual std::vector<float> vector(std::string_view tensor_name) const = 0;

  // What a plan says of its linears, for devices that allocate before they read and have several kernels. A
  // checkpoint has no plan: every linear is f16, by any kernel.
  virtual QuantizerId quantizer_of(const LinearLayer&) const { return {}; }
  virtual std::string kernel_of(const LinearLayer&) const { return {}; } // "tensor-core", …; empty: any
  virtual std::vector<std::vector<std::string>> fusions() const { return {}; }
};

// Reads from a checkpoint, which must outlive it. Linears come as DenseLinear.
std::unique_ptr<WeightSource> dense_weights(const Checkpoint& checkpoint);

} // namespace intarsia
