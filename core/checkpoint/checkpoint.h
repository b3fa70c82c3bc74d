// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A model's files opened for reading: a Hugging Face folder (one or several .safetensors), a .safetensors
// file with a config.json beside it, a .gguf, or a config.json alone (no weights). Files are memory-mapped;
// every length, offset, shape and count is checked before use. Tensors have Hugging Face names, whatever the
// format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/stored_rows.h"
#include "core/model/layer_graph.h"
#include "core/model/model_config.h"
#include "core/tensor/dtype.h"
#include "core/text/tokenizer.h"

namespace intarsia {

struct TensorInfo {
  std::string name; // Hugging Face name: "model.layers.0.self_attn.q_proj.weight"
  DType dtype;
  std::vector<std::uint64_t> shape; // row-major, outermost first
  std::uint64_t bytes;              // as stored
  std::string file;                 // path of the file that holds it

  std::uint64_t elements() const; // product of the shape
};

class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  virtual const ModelConfig& config() const = 0;
  virtual const LayerGraph& graph() const = 0;
  virtual const std::vector<TensorInfo>& tensors() const = 0; // sorted by name; empty for a bare config.json
  bool has_weights() const { return !tensors().empty(); }
  const TensorInfo* find(std::string_view name) const; // null when missing
  // The tensor, or an Error naming the file and the tensor when it is missing or has another shape.
  const TensorInfo& require(std::string_view name, const std::vector<std::uint64_t>& shape) const;

  // Rows [first, first + count) of a tensor of shape [rows, columns] (a vector counts as one row) as f32;
  // out.size() = count * columns. Rows of q and k that a GGUF stores permuted are returned in Hugging Face's
  // order. Throws Error{input} for a missing or damaged tensor, Error{internal} for rows out of range.
  virtual void read_rows(std::string_view name, std::size_t first, std::size_t count,
                         std::span<float> out) const = 0;
  std::vector<float> read(std::string_view name) const; // all of it

  // The matrix in its mapped file, to multiply from there; nullopt where it is not stored as rows of one
  // type.
  virtual std::optional<StoredRows> stored_rows(std::string_view) const { return std::nullopt; }

  // The model's tokenizer, read from the files at every call (a GGUF's takes about 10 MB that nothing else
  // needs); nullopt when the files have none. Throws Error{input} when it has more tokens than the model has
  // rows.
  virtual std::optional<TokenizerSpec> tokenizer() const = 0;
  virtual const std::filesystem::path& path() const = 0;
  // "Hugging Face folder", "GGUF v3", …
  virtual std::string kind() const = 0;
};

// Checks that every tensor that the layer graph needs is present in its shape (unless it is a bare
// config.json), so that a checkpoint that opens can be run. Throws Error{input|unsupported|resource} naming
// the file and the field or tensor.
std::unique_ptr<Checkpoint> open_checkpoint(const std::filesystem::path& path);

} // namespace intarsia
