// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Checkpoints that were quantized by other programs, read as the weights that they stand for: FP8 (per
// tensor, row or block), GPTQ, AWQ, compressed-tensors, bitsandbytes. Other schemes are refused by name.
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
  std::uint64_t bytes = 0; // of all that it is stored in
  std::string origin;
};

// config.json's "quantization_config", or what a file of its own beside it says instead; null when there is
// none. Throws Error{unsupported} naming a scheme that is not read here.
Json quantization_of(const Json& config, const std::filesystem::path& folder);

// Takes out of `tensors` what quantized weights are stored in. `scheme`: quantization_of(). Throws Error
// naming the tensor when its parts are missing or do not fit each other.
std::vector<DecodedWeight> take_quantized_weights(const Json& scheme, FileTensors& tensors);

} // namespace intarsia
