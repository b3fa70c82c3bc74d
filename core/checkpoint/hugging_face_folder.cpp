// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A Hugging Face folder, one of its .safetensors files, or its config.json alone.
#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/checkpoint/block_tensors.h"
#include "core/checkpoint/mapped_checkpoint.h"
#include "core/checkpoint/part_name.h"
#include "core/checkpoint/quantized_weights.h"
#include "core/checkpoint/safetensors.h"
#include "core/checkpoint/weight_files.h"
#include "core/text/utf8.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

class HuggingFaceCheckpoint : public MappedCheckpoint {
 public:
  using MappedCheckpoint::MappedCheckpoint;

  std::optional<TokenizerSpec> tokenizer() const override {
    const fs::path folder = fs::is_directory(path()) ? path() : path().parent_path();
    if (!has_tokenizer(folder)) return std::nullopt;
    TokenizerSpec spec = read_tokenizer(folder);
    check_vocabulary(spec, config());
    return spec;
  }
};

void add_generation_config(const fs::path& folder, ModelConfig& config) {
  const fs::path file = folder / "generation_config.json";
  if (!fs::exists(file)) return;
  const Json json = read_json_file(file);
  const JsonObject object(json, file.string());
  if (!object.has("eos_token_id")) return;
  const Json& eos = object["eos_token_id"];
  for (const Json& id : eos.is_array() ? eos : Json::array({eos})) {
    if (!id.is_number_integer()) throw input_error(file.string() + ": field \"eos_token_id\" is no token id");
    const auto value = id.get<std::int64_t>();
    if (value < 0 || std::uint64_t(value) >= config.vocabulary) continue; // no token has it
    if (std::find(config.eos_tokens.begin(), config.eos_tokens.end(), int(value)) == config.eos_tokens.end())
      config.eos_tokens.push_back(int(value));
  }
}

struct FolderConfig {
  ModelConfig model;
  Json quantization; // of another program; null: none
};

FolderConfig read_config(const fs::path& file, const std::string& fallback_name) {
  const Json json = read_json_file(file);
  ModelConfig config = parse_model_config(json, file.string());
  if (config.name.empty()) config.name = to_valid_utf8(fallback_name); // goes into JSON
  add_generation_config(file.parent_path(), config);
  return {std::move(config), quantization_of(json, file.parent_path())};
}

// Models that see or hear as well keep the text model's tensors under a name of its own.
std::string without_prefix(std::string name, const Architecture& architecture) {
  for (const auto& [prefix, replacement] : architecture.prefixes)
    if (name.starts_with(prefix)) return std::string(replacement) + name.substr(prefix.size());
  return name;
}

void add_tensor(StoredTensor tensor, const Architecture& architecture, const LayerGraph& graph,
                std::vector<StoredTensor>& to) {
  tensor.info.name = without_prefix(std::move(tensor.info.name), architecture);
  const std::string file_name = tensor.info.name;
  if (const auto name = split_block_name(file_name, "model.layers."))
    if (const BlockTensor* kind = find_hugging_face_tensor(architecture, name->part))
      return add_block_tensor(std::move(tensor), *name, *kind, graph, to);
  to.push_back(std::move(tensor));
}

void add_gain_offsets(float offset, const LayerGraph& graph, std::vector<StoredTensor>& tensors) {
  if (offset == 0) return;
  std::set<std::string> gains;
  for (const NormLayer& norm : graph.norms) gains.insert(norm.name + ".weight");
  for (StoredTensor& tensor : tensors)
    if (gains.contains(tensor.info.name)) tensor.added = offset;
}

FileTensors tensors_of(const std::vector<fs::path>& paths, std::vector<MappedFile>& files) {
  FileTensors tensors;
  for (const fs::path& path : paths) {
    files.emplace_back(path);
    const auto bytes = files.back().bytes();
    for (auto& entry : parse_safetensors(bytes, path.string()).tensors) {
      const std::string name = entry.name;
      const auto part = bytes.subspan(entry.begin, entry.end - entry.begin);
      const auto [place, is_new] =
          tensors.try_emplace(name, FileTensor{std::move(entry), files.size() - 1, part, path.string()});
      if (!is_new)
        throw input_error(path.string() + ": tensor \"" + name + "\" is stored twice, also in \"" +
                          place->second.origin + "\"; keep one set of weights");
    }
  }
  return tensors;
}

// A model saved without its head, as those that make embeddings are, names its tensors without "model.".
FileTensors with_model_prefix(FileTensors tensors) {
  if (!tensors.contains("embed_tokens.weight")) return tensors;
  FileTensors named;
  for (auto& [name, tensor] : tensors) {
    const bool inside =
        name.starts_with("embed_tokens.") || name.starts_with("layers.") || name.starts_with("norm.");
    named.emplace(inside ? "model." + name : name, std::move(tensor));
  }
  return named;
}

std::vector<StoredTensor> stored_tensors(const FolderConfig& config, FileTensors tensors) {
  std::vector<StoredTensor> stored;
  tensors = with_model_prefix(std::move(tensors));
  const Architecture& architecture = *find_architecture(config.model.architecture);
  const LayerGraph graph = build_layer_graph(config.model);
  for (DecodedWeight& weight : take_quantized_weights(config.quantization, tensors)) {
    const std::vector<std::uint64_t> shape{weight.decoder->rows(), weight.decoder->columns()};
    StoredTensor tensor{{weight.name, DType::f16, shape, weight.bytes, weight.origin}};
    tensor.decoder = std::move(weight.decoder);
    add_tensor(std::move(tensor), architecture, graph, stored);
  }
  for (auto& [name, tensor] : tensors)
    add_tensor({{name, tensor.entry.dtype, std::move(tensor.entry.shape), tensor.bytes.size(), tensor.origin},
                tensor.file,
                tensor.entry.begin},
               architecture, graph, stored);
  add_gain_offsets(architecture.gain_offset, graph, stored);
  return stored;
}

std::unique_ptr<Checkpoint> open_files(const fs::path& path, std::string kind, FolderConfig config,
                                       const WeightFiles& weights) {
  std::vector<MappedFile> files;
  files.reserve(weights.files.size());
  std::vector<StoredTensor> tensors = stored_tensors(config, tensors_of(weights.files, files));
  if (tensors.empty()) throw input_error(path.string() + ": its weight files hold no tensor");
  if (!config.quantization.is_null())
    kind += ", " + config.quantization["quant_method"].get<std::string>() + " weights";
  try {
    return std::make_unique<HuggingFaceCheckpoint>(path, std::move(kind), std::move(config.model),
                                                   std::move(files), std::move(tensors));
  } catch (const Error&) {
    if (weights.absent.empty()) throw; // an index may name files that the model does without
    throw Error(ErrorKind::resource,
                weights.absent.front().string() +
                    ": is missing; the model is in several files, download this one too");
  }
}

std::string folder_name(const fs::path& folder) {
  const fs::path full = fs::absolute(folder).lexically_normal();
  return (full.has_filename() ? full : full.parent_path()).filename().string();
}

} // namespace

std::unique_ptr<Checkpoint> open_hugging_face_folder(const fs::path& folder) {
  FolderConfig config = read_config(folder / "config.json", folder_name(folder));
  return open_files(folder, "Hugging Face folder", std::move(config), weight_files(folder));
}

std::unique_ptr<Checkpoint> open_safetensors_file(const fs::path& file) {
  const fs::path folder = file.parent_path(), config = folder / "config.json";
  if (!fs::exists(config))
    throw input_error(
        file.string() + ": needs the model's config.json beside it" +
        (fs::exists(folder / "adapter_config.json") ? "; its folder " + other_content_of(folder) : ""));
  const auto part = part_name(file);
  if (part && part->count > 1) return open_hugging_face_folder(folder);
  if (!is_weight_file(file) && file.extension() == ".safetensors")
    throw input_error(file.string() +
                      ": holds no weights of a whole model under Hugging Face's names; name the "
                      "model's folder");
  return open_files(file, "safetensors file", read_config(config, file.stem().string()), {{file}, {}});
}

std::unique_ptr<Checkpoint> open_bare_config(const fs::path& file) {
  return std::make_unique<HuggingFaceCheckpoint>(
      file, "config.json without weights",
      read_config(file, folder_name(fs::absolute(file).parent_path())).model, std::vector<MappedFile>{},
      std::vector<StoredTensor>{});
}

} // namespace intarsia
