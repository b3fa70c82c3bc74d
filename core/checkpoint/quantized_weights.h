// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Reads checkpoints that other programs have quantized, as decoded weights: FP8 (scales per tensor, row or
// block), GPTQ, AWQ, compressed-tensors, bitsandbytes. Other schemes are an error that names them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/checkpoint/row_decoder.h"
#include "core/checkpoint/safetensors.h"

namespace intarsia {

struct FileTensor {
  SafetensorsEntry entry;
  std::size_t file = 0;             // index of the mapped file
  std::span<const std::byte> bytes; // mapped as long as the checkpoint lives
  std::string origin;               // the file's name
};
using FileTensors = std::map<std::string, FileTensor>;

struct DecodedWeight {
  std::string name; // "model.layers.0.mlp.up_proj.weight"
  std::shared_ptr<const RowDecoder> decoder;
  std::uint64_t bytes = 0; // of all tensors that encode it
  std::string origin;      // the file's name
};

// "quantization_config" of config.json, or the same from quantize_config.json or quant_config.json in
// `folder`; null when the model is not quantized. Throws Error{unsupported} naming a scheme that cannot be
// read.
Json quantization_of(const Json& config, const std::filesystem::path& folder);

// Removes from `tensors` those that encode quantized weights and returns the weights. `scheme`: of
// quantization_of(). Throws Error{input} naming the tensor when parts are missing or have inconsistent
// shapes.
std::vector<DecodedWeight> take_quantized_weights(const Json& scheme, FileTensors& tensors);

} // namespace intarsia
