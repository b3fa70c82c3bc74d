// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A checkpoint over memory-mapped files, for every file format: the formats' readers list StoredTensors.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/mapped_file.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/row_decoder.h"

namespace intarsia {

struct StoredTensor {
  TensorInfo info;
  std::size_t file = 0;           // index of the mapped file
  std::uint64_t offset = 0;       // of the first byte in it
  std::size_t permuted_heads = 0; // see StoredRows
  float added = 0;                // added to every value: 1 where a norm's gain is stored as gain - 1
  std::string stored_name = {};   // name in the file; empty: info.name
  // Set for a weight that several tensors encode (quantized_weights.h): its rows are the decoder's from
  // first_row on; file and offset are then unused.
  std::shared_ptr<const RowDecoder> decoder = nullptr;
  std::uint64_t first_row = 0;
};

class MappedCheckpoint : public Checkpoint {
 public:
  // `path`: of the folder or file that was opened; `kind`: its format, for people. Checks that every tensor
  // that the config's graph needs is present in its shape; without files (a bare config) nothing is checked.
  MappedCheckpoint(std::filesystem::path path, std::string kind, ModelConfig config,
                   std::vector<MappedFile> files, std::vector<StoredTensor> tensors);

  const ModelConfig& config() const override { return config_; }
  const LayerGraph& graph() const override { return graph_; }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  void read_rows(std::string_view name, std::size_t first, std::size_t count,
                 std::span<float> out) const override;
  std::optional<StoredRows> stored_rows(std::string_view name) const override;
  const std::filesystem::path& path() const override { return path_; }
  std::string kind() const override { return kind_; }

 private:
  void set_biases_from_tensors();
  void check_needed_tensors() const;
  void refuse_unused_tensors(const std::set<std::string>& needed) const;
  const StoredTensor& stored(std::string_view name) const;

  std::filesystem::path path_;
  std::string kind_;
  ModelConfig config_;
  LayerGraph graph_;
  std::shared_ptr<const std::vector<MappedFile>> files_; // shared with StoredRows::owner
  std::vector<StoredTensor> stored_;                     // sorted by name
  std::vector<TensorInfo> infos_;                        // the same order
};

// Throws Error{input} naming the tokenizer's file when it has more tokens than the model has rows.
void check_vocabulary(TokenizerSpec& tokenizer, const ModelConfig& config);

// One function per format; open_checkpoint() selects.
std::unique_ptr<Checkpoint> open_hugging_face_folder(const std::filesystem::path& folder);
std::unique_ptr<Checkpoint> open_safetensors_file(const std::filesystem::path& file);
std::unique_ptr<Checkpoint> open_bare_config(const std::filesystem::path& file);
std::unique_ptr<Checkpoint> open_gguf_file(const std::filesystem::path& file);

} // namespace intarsia
