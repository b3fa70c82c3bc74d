// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdlib>
#include <exception>

#include "core/base/error.h"
#include "core/checkpoint/block_tensors.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/gguf_tokenizer.h"
#include "core/checkpoint/mapped_checkpoint.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

class GgufCheckpoint : public MappedCheckpoint {
 public:
  GgufCheckpoint(const fs::path& path, const Gguf& gguf, ModelConfig config, std::vector<MappedFile> files,
                 std::vector<StoredTensor> tensors)
      : MappedCheckpoint(path, "GGUF v" + std::to_string(gguf.version()), std::move(config), std::move(files),
                         std::move(tensors)) {
    if (!gguf.has("tokenizer.ggml.model") || gguf.string_or("tokenizer.ggml.model", "") == "no_vocab") return;
    try { // planning and quantizing need no tokenizer: what is wrong with it is said when it is asked for
      tokenizer_ = gguf_tokenizer(gguf);
      check_vocabulary(*tokenizer_, this->config());
    } catch (const Error&) {
      problem_ = std::current_exception();
    }
  }

  std::optional<TokenizerSpec> tokenizer() const override {
    if (problem_) std::rethrow_exception(problem_);
    return tokenizer_;
  }

 private:
  std::optional<TokenizerSpec> tokenizer_;
  std::exception_ptr problem_;
};

std::string model_tensor(std::string_view name) {
  if (name == "token_embd.weight") return "model.embed_tokens.weight";
  if (name == "output_norm.weight") return "model.norm.weight";
  if (name == "output.weight") return "lm_head.weight";
  return {};
}

// Outside of the blocks a file may hold what nobody reads, but not another embedding or a bias of the head.
bool changes_the_model(std::string_view name) {
  for (const std::string_view prefix : {"token_embd", "token_types", "position_embd", "output", "per_layer_"})
    if (name.starts_with(prefix)) return true;
  return false;
}

[[noreturn]] void refuse(const GgufTensor& tensor, const std::string& origin,
                         const Architecture& architecture) {
  throw Error(ErrorKind::unsupported,
              origin + ": tensor \"" + tensor.name + "\" is not one that " + std::string(architecture.gguf) +
                  " models have here; the model would be computed wrongly without it");
}

class TensorNames {
 public:
  TensorNames(const Architecture& architecture, const ModelConfig& config, std::string origin)
      : architecture_(architecture)
      , config_(config)
      , graph_(build_layer_graph(config))
      , origin_(std::move(origin)) {}

  void add(const GgufTensor& tensor, std::vector<StoredTensor>& to) const {
    StoredTensor stored{
        {tensor.name, tensor.dtype, tensor.shape, tensor.end - tensor.begin, origin_}, 0, tensor.begin};
    if (const auto name = split_block_name(tensor.name, "blk."))
      return add_of_block(tensor, *name, stored, to);
    stored.info.name = model_tensor(tensor.name);
    stored.stored_name = tensor.name;
    if (!stored.info.name.empty())
      to.push_back(std::move(stored));
    else if (changes_the_model(tensor.name))
      refuse(tensor, origin_, architecture_);
  }

 private:
  void add_of_block(const GgufTensor& tensor, const BlockTensorName& name, StoredTensor& stored,
                    std::vector<StoredTensor>& to) const {
    if (name.part == "attn_rot_embd") return; // follows from the metadata
    const BlockTensor* kind = find_gguf_tensor(architecture_, name.part);
    const bool known = kind && (name.suffix == ".weight" || name.suffix == ".bias");
    if (known) {
      stored.permuted_heads = interleaved_heads(kind->hugging_face);
      add_block_tensor(std::move(stored), name, *kind, graph_, to);
    } else if (std::strtoul(std::string(name.block).c_str(), nullptr, 10) < config_.blocks) {
      refuse(tensor, origin_, architecture_);
    }
  }

  std::size_t interleaved_heads(std::string_view name) const {
    if (!architecture_.gguf_pairs_rows) return 0;
    if (name == "self_attn.q_proj") return config_.heads;
    return name == "self_attn.k_proj" ? config_.kv_heads : 0;
  }

  const Architecture& architecture_;
  const ModelConfig& config_;
  const LayerGraph graph_;
  const std::string origin_;
};

} // namespace

std::unique_ptr<Checkpoint> open_gguf_file(const fs::path& path) {
  std::vector<MappedFile> files;
  files.emplace_back(path);
  const auto bytes = files[0].bytes();
  const Gguf gguf(bytes, path.string());
  ModelConfig config = gguf_model_config(gguf, bytes);
  if (config.name.empty()) config.name = path.stem().string();

  std::vector<StoredTensor> tensors;
  const TensorNames names(gguf_architecture(gguf), config, path.string());
  for (const GgufTensor& tensor : gguf.tensors()) names.add(tensor, tensors);
  if (tensors.empty()) throw input_error(path.string() + ": holds a vocabulary but no weights");
  return std::make_unique<GgufCheckpoint>(path, gguf, std::move(config), std::move(files),
                                          std::move(tensors));
}

} // namespace intarsia
