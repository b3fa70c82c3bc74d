// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A checkpoint over memory-mapped files, whatever their container.
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
  std::size_t permuted_heads = 0; // rows interleaved per head as in llama.cpp's files; 0: as they are
  float added = 0;                // to every value: a norm's gain may be stored without its 1
  std::string stored_name = {};   // in the file, where that differs
  // Rows from first_row on of a weight that is stored in several tensors; file and offset then mean nothing.
  std::shared_ptr<const RowDecoder> decoder = nullptr;
  std::uint64_t first_row = 0;
};

class MappedCheckpoint : public Checkpoint {
 public:
  // Checks that every tensor the config's graph needs is there in its shape; a bare config has no files.
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
  void follow_the_files_biases();
  void check_needed_tensors() const;
  void refuse_unused_tensors(const std::set<std::string>& needed) const;
  const StoredTensor& stored(std::string_view name) const;

  std::filesystem::path path_;
  std::string kind_;
  ModelConfig config_;
  LayerGraph graph_;
  std::shared_ptr<const std::vector<MappedFile>> files_; // shared with what multiplies from them
  std::vector<StoredTensor> stored_;                     // sorted by name
  std::vector<TensorInfo> infos_;                        // the same order
};

// Adds the name to a tokenizer's check: more tokens than the model has rows is an error naming both.
void check_vocabulary(TokenizerSpec& tokenizer, const ModelConfig& config);

// One per container; open_checkpoint() picks.
std::unique_ptr<Checkpoint> open_hugging_face_folder(const std::filesystem::path& folder);
std::unique_ptr<Checkpoint> open_safetensors_file(const std::filesystem::path& file);
std::unique_ptr<Checkpoint> open_bare_config(const std::filesystem::path& file);
std::unique_ptr<Checkpoint> open_gguf_file(const std::filesystem::path& file);

} // namespace intarsia
