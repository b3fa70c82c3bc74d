// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A quantized model on disk: a folder with model.safetensors (codes, row scales, signs, codebooks),
// config.json, tokenizer and plan; layout in resources/help/artifact-format.md.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "core/allocation/plan.h"
#include "core/checkpoint/checkpoint.h"
#include "core/runtime/weight_source.h"

namespace intarsia {

bool is_artifact(const std::filesystem::path& path); // a folder with an artifact's manifest

class Artifact : public WeightSource {
 public:
  virtual const Plan& plan() const = 0;
  virtual std::optional<TokenizerSpec> tokenizer() const = 0;
  virtual const std::filesystem::path& path() const = 0;
  virtual std::uint64_t linear_bytes() const = 0; // codes and row scales of the blocks' linears
  virtual std::uint64_t file_bytes() const = 0;   // of everything in the folder
  // |Q - W|^2 / |W|^2 of a linear layer, measured when it was quantized.
  virtual double layer_distortion(std::string_view name) const = 0;
  // Reads every tensor and compares its checksum. Throws Error{input} naming the tensor that differs.
  // Progress is in tensors.
  virtual void verify(const JobControl& control) const = 0;
};

// Memory-maps the files and checks every length and shape; checksums are checked by verify(). Throws Error
// naming the file and the field or tensor.
std::unique_ptr<Artifact> open_artifact(const std::filesystem::path& path);

} // namespace intarsia
