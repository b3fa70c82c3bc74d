// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/artifact.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "core/artifact/layout.h"
#include "core/artifact/partial_file.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/checkpoint/mapped_checkpoint.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

class MappedArtifact : public Artifact {
 public:
  explicit MappedArtifact(const fs::path& folder)
      : path_(folder)
      , manifest_(read_json_file(folder / "artifact.json"))
      , file_(std::make_shared<const MappedFile>(folder / "model.safetensors")) {
    const JsonObject manifest(manifest_, (folder / "artifact.json").string());
    if (const std::string format = manifest.string("format"); format != artifact_format)
      throw Error(ErrorKind::unsupported, manifest.origin() + ": field \"format\" is \"" + format +
                                              "\"; this version reads " + std::string(artifact_format) +
                                              ": quantize the model again with this version");
    config_ = parse_model_config(read_json_file(folder / "config.json"), (folder / "config.json").string());
    graph_ = build_layer_graph(config_);
    plan_ = read_plan(folder / "plan.json", graph_);
    read_manifest(manifest);
    check_file();
    check_codebooks();
    make_rotations();
  }

  const ModelConfig& config() const override { return config_; }
  const LayerGraph& graph() const override { return graph_; }
  const Plan& plan() const override { return plan_; }
  const fs::path& path() const override { return path_; }

  LinearWeights linear(const LinearLayer& layer) const override {
    const QuantizerId id = plan_.quantizer_of(layer);
    QuantizedLinear quantized{id,      {layer.d_out, layer.d_in},    {}, {},
                              nullptr, layer_distortion(layer.name), {}};
    const bool is_f16 = id.family == QuantizerFamily::f16;
    const auto codes = bytes(is_f16 ? weight_name(layer) : codes_name(layer));
    quantized.codes = file_->take(codes);
    if (is_f16) return quantized;
    quantized.rotation = rotations_.at(layer.input);
    quantized.row_scales.resize(layer.d_out);
    const auto scales = file_->take(bytes(row_scales_name(layer)));
    std::memcpy(quantized.row_scales.data(), scales.data(), scales.size());
    return quantized;
  }

  std::optional<StoredLinear> stored(const LinearLayer& layer) const override {
    if (!in_vocabulary(layer) || plan_.quantizer_of(layer).family != QuantizerFamily::f16)
      return std::nullopt;
    return StoredLinear{{layer.d_out, layer.d_in}, {DType::f16, bytes(weight_name(layer)), 0, file_}};
  }

  std::vector<float> vector(std::string_view tensor_name) const override {
    const auto data = file_->take(bytes(std::string(tensor_name)));
    std::vector<float> values(data.size() / sizeof(float));
    std::memcpy(values.data(), data.data(), data.size());
    return values;
  }

  QuantizerId quantizer_of(const LinearLayer& layer) const override { return plan_.quantizer_of(layer); }
  std::string kernel_of(const LinearLayer& layer) const override {
    const auto planned = plan_.layers.find(layer.name);
    return planned == plan_.layers.end() ? std::string() : planned->second.kernel;
  }
  std::vector<std::vector<std::string>> fusions() const override { return plan_.fusions; }

  std::optional<TokenizerSpec> tokenizer() const override {
    if (!fs::exists(path_ / "tokenizer.json") && !fs::exists(path_ / "tokenizer.model") &&
        !fs::exists(path_ / "merges.txt"))
      return std::nullopt;
    TokenizerSpec spec = read_tokenizer(path_);
    check_vocabulary(spec, config_);
    return spec;
  }

  std::uint64_t linear_bytes() const override {
    std::uint64_t total = 0;
    for (const LinearLayer& layer : graph_.linears)
      total += quantized_linear_bytes(plan_.quantizer_of(layer), {layer.d_out, layer.d_in});
    return total;
  }

  std::uint64_t file_bytes() const override {
    std::uint64_t total = 0;
    for (const auto& entry : fs::directory_iterator(path_)) total += entry.file_size();
    return total;
  }

  double layer_distortion(std::string_view name) const override {
    const auto found = distortions_.find(std::string(name));
    return found == distortions_.end() ? 0 : found->second;
  }

  void verify(const JobControl& control) const override {
    std::size_t done = 0;
    for (const auto& [name, checksum] : checksums_) {
      control.throw_if_stopped();
      if (crc32_of(bytes(name)) != checksum)
        throw input_error((path_ / "model.safetensors").string() + ": tensor \"" + name +
                          "\" does not have its checksum; the file is damaged, quantize the model again");
      control.report("verifying " + name, double(++done), double(checksums_.size()));
    }
  }

 private:
  void read_manifest(const JsonObject& manifest) {
    const JsonObject layers = manifest.object("layers"), checksums = manifest.object("crc32");
    for (const LinearLayer* layer : graph_.all_layers()) {
      if (!plan_.layers.contains(layer->name)) continue;
      const JsonObject entry = layers.object(layer->name);
      distortions_[layer->name] = entry.number("distortion");
      if (entry.string("quantizer") != to_string(plan_.quantizer_of(*layer)))
        throw input_error(entry.origin() + ": field \"quantizer\" is not the one in plan.json");
    }
    for (const auto& [name, value] : checksums.json().items())
      checksums_[name] = std::uint32_t(checksums.count(name, 0, UINT32_MAX));
  }

  // The file must be laid out exactly as the plan says: same header, same size.
  void check_file() {
    layout_ = artifact_layout(graph_, plan_);
    const std::string name = file_->path().string();
    const auto data = file_->bytes();
    if (data.size() != layout_.file_bytes)
      throw input_error(name + ": has " + std::to_string(data.size()) + " bytes instead of " +
                        std::to_string(layout_.file_bytes) + "; it is truncated or belongs to another plan");
    if (std::memcmp(data.data(), layout_.header.data(), layout_.header.size()) != 0)
      throw input_error(name + ": its header does not match plan.json and config.json");
    for (const ArtifactTensor& tensor : layout_.tensors)
      if (!checksums_.contains(tensor.name))
        throw input_error((path_ / "artifact.json").string() +
                          ": field \"crc32\" has no checksum of tensor \"" + tensor.name + "\"");
    if (checksums_.size() != layout_.tensors.size())
      throw input_error((path_ / "artifact.json").string() +
                        ": field \"crc32\" names tensors the model does not have");
  }

  // Codes are decoded with this build's codebooks, so the file's must be the same to the last bit.
  void check_codebooks() const {
    for (const auto& [name, layer] : plan_.layers) {
      const auto book = std::as_bytes(quantizer(layer.quantizer).codebook());
      if (book.empty()) continue;
      const auto stored = bytes(codebook_name(layer.quantizer));
      if (!std::equal(book.begin(), book.end(), stored.begin(), stored.end()))
        throw Error(ErrorKind::unsupported,
                    file_->path().string() + ": tensor \"" + codebook_name(layer.quantizer) +
                        "\" is not this version's codebook; quantize the model again with this version");
    }
  }

  void make_rotations() {
    for (const LinearLayer* layer : graph_.all_layers()) {
      if (plan_.quantizer_of(*layer).family == QuantizerFamily::f16 || rotations_.contains(layer->input))
        continue;
      const auto data = file_->take(bytes(signs_name(*layer)));
      const auto* first = reinterpret_cast<const std::uint8_t*>(data.data());
      rotations_[layer->input] = std::make_shared<const Rotation>(layer->d_in, std::span(first, data.size()));
    }
  }

  std::span<const std::byte> bytes(const std::string& name) const {
    const ArtifactTensor& tensor = layout_.find(name);
    return file_->bytes().subspan(tensor.offset, tensor.bytes);
  }

  fs::path path_;
  Json manifest_;
  std::shared_ptr<const MappedFile> file_;
  ModelConfig config_;
  LayerGraph graph_;
  Plan plan_;
  ArtifactLayout layout_;
  std::map<std::string, double> distortions_;
  std::map<std::string, std::uint32_t> checksums_;
  std::map<std::string, std::shared_ptr<const Rotation>> rotations_;
};

} // namespace

bool is_artifact(const fs::path& path) {
  std::error_code unreadable; // whoever opens the path says so
  return fs::exists(path / "artifact.json", unreadable);
}

std::unique_ptr<Artifact> open_artifact(const fs::path& path) {
  return std::make_unique<MappedArtifact>(path);
}

} // namespace intarsia
