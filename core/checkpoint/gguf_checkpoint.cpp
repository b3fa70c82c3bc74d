// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cstdlib>

#include "core/base/error.h"
#include "core/checkpoint/block_tensors.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/gguf_parts.h"
#include "core/checkpoint/gguf_tokenizer.h"
#include "core/checkpoint/mapped_checkpoint.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

class GgufCheckpoint : public MappedCheckpoint {
 public:
  GgufCheckpoint(const fs::path& path, std::uint32_t version, ModelConfig config,
                 std::vector<MappedFile> files, std::vector<StoredTensor> tensors)
      : MappedCheckpoint(path, "GGUF v" + std::to_string(version), std::move(config), std::move(files),
                         std::move(tensors)) {}

  // Read when it is asked for: planning and quantizing need none, and it takes some 10 MB.
  std::optional<TokenizerSpec> tokenizer() const override {
    const Gguf gguf = open_gguf_parts(path()).gguf;
    std::optional<TokenizerSpec> tokenizer;
    if (gguf.has("tokenizer.ggml.model") && gguf.string("tokenizer.ggml.model") != "no_vocab")
      tokenizer = gguf_tokenizer(gguf);
    else if (has_tokenizer(path().parent_path()))
      tokenizer = read_tokenizer(path().parent_path());
    if (tokenizer) check_vocabulary(*tokenizer, config());
    return tokenizer;
  }
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

[[noreturn]] void refuse(const std::string& tensor, const std::string& origin,
                         const Architecture& architecture) {
  throw Error(ErrorKind::unsupported,
              origin + ": tensor \"" + tensor + "\" is not one that " + std::string(architecture.gguf) +
                  " models have here; the model would be computed wrongly without it");
}

class TensorNames {
 public:
  TensorNames(const Architecture& architecture, const ModelConfig& config, std::string origin)
      : architecture_(architecture)
      , config_(config)
      , graph_(build_layer_graph(config))
      , origin_(std::move(origin)) {}

  // `origin`: the file that the tensor lies in.
  void add(const GgufTensor& tensor, const std::string& origin, std::vector<StoredTensor>& to) const {
    StoredTensor stored{{tensor.name, tensor.dtype, tensor.shape, tensor.end - tensor.begin, origin},
                        tensor.file,
                        tensor.begin};
    if (const auto name = split_block_name(tensor.name, "blk."))
      return add_of_block(tensor, *name, stored, to);
    stored.info.name = model_tensor(tensor.name);
    stored.stored_name = tensor.name;
    if (!stored.info.name.empty())
      to.push_back(std::move(stored));
    else if (changes_the_model(tensor.name))
      refuse(tensor.name, origin_, architecture_);
  }

  // A tensor whose type cannot be decoded matters only where the model is computed with it.
  void refuse_if_needed(const std::string& name, const std::string& type) const {
    const auto block = split_block_name(name, "blk.");
    const bool needed =
        block ? number_of(*block) < config_.blocks : !model_tensor(name).empty() || changes_the_model(name);
    if (needed)
      throw Error(
          ErrorKind::unsupported,
          origin_ + ": tensor \"" + name + "\": has " + type +
              ", which cannot be decoded here; supported are F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q8_K, "
              "IQ1_S to IQ4_XS, TQ1_0, TQ2_0, MXFP4 and NVFP4, quantize the model again to one of these");
  }

 private:
  static std::size_t number_of(const BlockTensorName& name) {
    return std::strtoul(std::string(name.block).c_str(), nullptr, 10);
  }

  void add_of_block(const GgufTensor& tensor, const BlockTensorName& name, StoredTensor& stored,
                    std::vector<StoredTensor>& to) const {
    if (name.part == "attn_rot_embd") return; // follows from the metadata
    const BlockTensor* kind = find_gguf_tensor(architecture_, name.part);
    const bool known = kind && (name.suffix == ".weight" || name.suffix == ".bias");
    if (known) {
      stored.permuted_heads = interleaved_heads(kind->hugging_face);
      add_block_tensor(std::move(stored), name, *kind, graph_, to);
    } else if (number_of(name) < config_.blocks) {
      refuse(tensor.name, origin_, architecture_);
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
  auto [gguf, files] = open_gguf_parts(path);
  GgufFiles bytes;
  for (const MappedFile& file : files) bytes.push_back(file.bytes());
  ModelConfig config = gguf_model_config(gguf, bytes);
  if (config.name.empty()) config.name = to_valid_utf8(path.stem().string());

  std::vector<StoredTensor> tensors;
  const TensorNames names(gguf_architecture(gguf), config, gguf.origin());
  for (const GgufTensor& tensor : gguf.tensors())
    names.add(tensor, files[tensor.file].path().string(), tensors);
  for (const auto& [name, type] : gguf.unread_tensors()) names.refuse_if_needed(name, type);
  if (tensors.empty()) throw input_error(path.string() + ": holds a vocabulary but no weights");
  return std::make_unique<GgufCheckpoint>(path, gguf.version(), std::move(config), std::move(files),
                                          std::move(tensors));
}

} // namespace intarsia
