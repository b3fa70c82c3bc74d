// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/layout.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/palette/quantized_linear.h"

namespace intarsia {
namespace {

ArtifactTensor tensor(std::string name, DType dtype, std::vector<std::uint64_t> shape) {
  std::uint64_t elements = 1;
  for (const std::uint64_t extent : shape) elements *= extent;
  return {std::move(name), dtype, std::move(shape), 0, storage_bytes(dtype, elements).value()};
}

void add_floats(const LayerGraph& graph, const std::set<QuantizerId>& used,
                std::vector<ArtifactTensor>& tensors) {
  for (const NormLayer& norm : graph.norms)
    tensors.push_back(tensor(norm.name + ".weight", DType::f32, {norm.width}));
  for (const LinearLayer& layer : graph.linears)
    if (layer.bias) tensors.push_back(tensor(layer.name + ".bias", DType::f32, {layer.d_out}));
  for (const QuantizerId id : used)
    if (const auto book = quantizer(id).codebook(); !book.empty())
      tensors.push_back(tensor(codebook_name(id), DType::f32, {book.size()}));
}

// In order of falling alignment, so that every tensor is aligned to its element: f32, f16, bytes.
std::vector<ArtifactTensor> list_tensors(const LayerGraph& graph, const Plan& plan) {
  std::set<QuantizerId> used;
  for (const auto& [name, layer] : plan.layers) used.insert(layer.quantizer);
  std::vector<ArtifactTensor> tensors;
  add_floats(graph, used, tensors);
  const auto is_f16 = [&](const LinearLayer& layer) {
    return plan.quantizer_of(layer).family == QuantizerFamily::f16;
  };
  for (const LinearLayer* layer : graph.all_layers())
    tensors.push_back(is_f16(*layer) ? tensor(weight_name(*layer), DType::f16, {layer->d_out, layer->d_in})
                                     : tensor(row_scales_name(*layer), DType::f16, {layer->d_out}));
  std::set<std::string> inputs;
  for (const LinearLayer* layer : graph.all_layers()) {
    if (is_f16(*layer)) continue;
    if (inputs.insert(layer->input).second)
      tensors.push_back(tensor(signs_name(*layer), DType::u8, {rotation_sign_bytes(layer->d_in)}));
    const Quantizer& coder = quantizer(plan.quantizer_of(*layer));
    tensors.push_back(tensor(codes_name(*layer), DType::u8, {coder.code_bytes({layer->d_out, layer->d_in})}));
  }
  return tensors;
}

} // namespace

std::string weight_name(const LinearLayer& layer) { return layer.name + ".weight"; }
std::string codes_name(const LinearLayer& layer) { return layer.name + ".codes"; }
std::string row_scales_name(const LinearLayer& layer) { return layer.name + ".row_scales"; }
std::string signs_name(const LinearLayer& layer) { return layer.input + ".signs"; }
std::string codebook_name(QuantizerId id) { return "codebook." + to_string(id); }

ArtifactLayout artifact_layout(const LayerGraph& graph, const Plan& plan) {
  ArtifactLayout layout;
  layout.tensors = list_tensors(graph, plan);
  OrderedJson header{{"__metadata__", {{"format", artifact_format}}}};
  std::uint64_t position = 0;
  for (ArtifactTensor& entry : layout.tensors) {
    header[entry.name] = {{"dtype", dtype_name(entry.dtype)},
                          {"shape", entry.shape},
                          {"data_offsets", {position, position + entry.bytes}}};
    entry.offset = position;
    position += entry.bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' '); // data begins at a multiple of 8
  const std::uint64_t length = text.size();
  layout.header.resize(8);
  std::memcpy(layout.header.data(), &length, 8);
  layout.header += text;
  for (ArtifactTensor& entry : layout.tensors) entry.offset += layout.header.size();
  layout.file_bytes = layout.header.size() + position;
  return layout;
}

const ArtifactTensor& ArtifactLayout::find(const std::string& name) const {
  for (const ArtifactTensor& entry : tensors)
    if (entry.name == name) return entry;
  throw Error(ErrorKind::internal, "the artifact has no tensor \"" + name + "\"");
}

} // namespace intarsia
