// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The layout of an artifact's model.safetensors, which follows from graph and plan before anything is
// quantized (resources/help/artifact-format.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/allocation/plan.h"
#include "core/model/layer_graph.h"
#include "core/tensor/dtype.h"

namespace intarsia {

inline constexpr std::string_view artifact_format = "intarsia-artifact/2";

struct ArtifactTensor {
  std::string name;
  DType dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t offset = 0, bytes = 0; // offset from the start of the file
};

struct ArtifactLayout {
  std::string header; // the first bytes of the file: header length and JSON
  std::vector<ArtifactTensor> tensors;
  std::uint64_t file_bytes = 0;

  const ArtifactTensor& find(const std::string& name) const; // throws Error{internal} for an unknown name
};

ArtifactLayout artifact_layout(const LayerGraph& graph, const Plan& plan);

// Names of a layer's tensors.
std::string weight_name(const LinearLayer& layer);     // "….weight": a layer in f16
std::string codes_name(const LinearLayer& layer);      // "….codes"
std::string row_scales_name(const LinearLayer& layer); // "….row_scales"
std::string signs_name(const LinearLayer& layer);      // "<input>.signs": signs of the rotation of its input
std::string codebook_name(QuantizerId id);             // "codebook.vq-2.5"

} // namespace intarsia
