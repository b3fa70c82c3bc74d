// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_model.h"
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
    if (!gguf.has("tokenizer.ggml.model")) return;
    try {
      tokenizer_ = gguf_tokenizer(gguf);
      check_vocabulary(*tokenizer_, this->config());
    } catch (const Error&) { // planning and quantizing need no tokenizer
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

std::size_t permuted_heads(const std::string& name, const ModelConfig& config) {
  if (config.architecture != "llama") return 0; // convert_hf_to_gguf.py permutes for llama only
  if (name.find("self_attn.q_proj") != std::string::npos) return config.heads;
  if (name.find("self_attn.k_proj") != std::string::npos) return config.kv_heads;
  return 0;
}

std::vector<float> read_divisors(const Gguf& gguf, std::span<const std::byte> file,
                                 const ModelConfig& config) {
  for (const GgufTensor& tensor : gguf.tensors()) {
    if (tensor.name != "rope_freqs.weight") continue;
    std::vector<float> divisors(tensor.shape[0]);
    dequantize(tensor.dtype, file.subspan(tensor.begin, tensor.end - tensor.begin), divisors);
    if (divisors.size() != config.head_dim / 2)
      throw input_error(gguf.origin() + ": tensor \"rope_freqs.weight\" has " +
                        std::to_string(divisors.size()) + " values, not half a head's " +
                        std::to_string(config.head_dim / 2));
    for (const float divisor : divisors)
      if (!(divisor > 0))
        throw input_error(gguf.origin() + ": tensor \"rope_freqs.weight\" holds a value that is not > 0");
    return divisors;
  }
  return {};
}

} // namespace

std::unique_ptr<Checkpoint> open_gguf_file(const fs::path& path) {
  std::vector<MappedFile> files;
  files.emplace_back(path);
  const auto bytes = files[0].bytes();
  const Gguf gguf(bytes, path.string());
  ModelConfig config = gguf_model_config(gguf);
  if (config.name.empty()) config.name = path.stem().string();
  config.rope_divisors = read_divisors(gguf, bytes, config);

  std::vector<StoredTensor> tensors;
  for (const GgufTensor& tensor : gguf.tensors()) {
    std::string name = hugging_face_name(tensor.name);
    if (name.empty()) continue;
    const std::size_t permuted = permuted_heads(name, config);
    tensors.push_back(
        {{std::move(name), tensor.dtype, tensor.shape, tensor.end - tensor.begin, path.string()},
         0,
         tensor.begin,
         permuted});
  }
  if (tensors.empty()) throw input_error(path.string() + ": holds a vocabulary but no weights");
  return std::make_unique<GgufCheckpoint>(path, gguf, std::move(config), std::move(files),
                                          std::move(tensors));
}

} // namespace intarsia
