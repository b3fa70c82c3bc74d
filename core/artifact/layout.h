// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where every tensor of an artifact lies, known before anything is quantized
// (resources/help/artifact-format.md).
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
  std::string header; // the first bytes of the file: length and JSON
  std::vector<ArtifactTensor> tensors;
  std::uint64_t file_bytes = 0;

  const ArtifactTensor& find(const std::string& name) const; // throws Error{internal} when unknown
};

ArtifactLayout artifact_layout(const LayerGraph& graph, const Plan& plan);

// Names of a linear's tensors and of the signs its input is rotated with.
std::string weight_name(const LinearLayer& layer);     // "….weight": a layer left in f16
std::string codes_name(const LinearLayer& layer);      // "….codes"
std::string row_scales_name(const LinearLayer& layer); // "….row_scales"
std::string signs_name(const LinearLayer& layer);      // "<input>.signs"
std::string codebook_name(QuantizerId id);             // "codebook.vq-2.5"

} // namespace intarsia
