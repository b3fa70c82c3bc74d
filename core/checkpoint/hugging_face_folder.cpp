// SPDX-License-Identifier: GPL-3.0-or-later
// A Hugging Face folder, one of its .safetensors files, or its config.json alone.
#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/checkpoint/block_tensors.h"
#include "core/checkpoint/mapped_checkpoint.h"
#include "core/checkpoint/safetensors.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

class HuggingFaceCheckpoint : public MappedCheckpoint {
 public:
  using MappedCheckpoint::MappedCheckpoint;

  std::optional<TokenizerSpec> tokenizer() const override {
    const fs::path folder = fs::is_directory(path()) ? path() : path().parent_path();
    const auto has = [&](const char* name) { return fs::exists(folder / name); };
    if (!has("tokenizer.json") && !has("tokenizer.model") && !has("merges.txt")) return std::nullopt;
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

ModelConfig read_config(const fs::path& file, const std::string& fallback_name) {
  ModelConfig config = parse_model_config(read_json_file(file), file.string());
  if (config.name.empty()) config.name = fallback_name;
  add_generation_config(file.parent_path(), config);
  return config;
}

// The shards a model.safetensors.index.json names; plain file names only, so that it cannot point elsewhere.
std::vector<fs::path> sharded_files(const fs::path& index) {
  const Json json = read_json_file(index);
  const JsonObject map = JsonObject(json, index.string()).object("weight_map");
  std::set<std::string> names;
  for (const auto& [tensor, file] : map.json().items()) {
    const std::string name = map.string(tensor);
    if (name.empty() || fs::path(name).filename() != name || name == "..")
      throw input_error(map.origin() + ": \"" + name + "\" is no plain file name");
    names.insert(name);
  }
  std::vector<fs::path> files;
  for (const std::string& name : names) files.push_back(index.parent_path() / name);
  return files;
}

std::vector<fs::path> weight_files(const fs::path& folder) {
  if (fs::exists(folder / "model.safetensors")) return {folder / "model.safetensors"};
  if (fs::exists(folder / "model.safetensors.index.json"))
    return sharded_files(folder / "model.safetensors.index.json");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty())
    throw input_error(folder.string() +
                      ": holds a config.json but no .safetensors file; download the weights too, or "
                      "name the config.json itself to plan without them");
  return files;
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

std::unique_ptr<Checkpoint> open_files(const fs::path& path, std::string kind, ModelConfig config,
                                       const std::vector<fs::path>& paths) {
  std::vector<MappedFile> files;
  std::vector<StoredTensor> tensors;
  const Architecture& architecture = *find_architecture(config.architecture);
  const LayerGraph graph = build_layer_graph(config);
  for (const fs::path& file : paths) {
    files.emplace_back(file);
    for (auto& entry : parse_safetensors(files.back().bytes(), file.string()).tensors)
      add_tensor({{std::move(entry.name), entry.dtype, std::move(entry.shape), entry.end - entry.begin,
                   file.string()},
                  files.size() - 1,
                  entry.begin},
                 architecture, graph, tensors);
  }
  add_gain_offsets(architecture.gain_offset, graph, tensors);
  if (tensors.empty()) throw input_error(path.string() + ": its weight files hold no tensor");
  return std::make_unique<HuggingFaceCheckpoint>(path, std::move(kind), std::move(config), std::move(files),
                                                 std::move(tensors));
}

std::string folder_name(const fs::path& folder) {
  const fs::path full = fs::absolute(folder).lexically_normal();
  return (full.has_filename() ? full : full.parent_path()).filename().string();
}

} // namespace

std::unique_ptr<Checkpoint> open_hugging_face_folder(const fs::path& folder) {
  ModelConfig config = read_config(folder / "config.json", folder_name(folder));
  return open_files(folder, "Hugging Face folder", std::move(config), weight_files(folder));
}

std::unique_ptr<Checkpoint> open_safetensors_file(const fs::path& file) {
  const fs::path config = file.parent_path() / "config.json";
  if (!fs::exists(config)) throw input_error(file.string() + ": needs the model's config.json beside it");
  return open_files(file, "safetensors file", read_config(config, file.stem().string()), {file});
}

std::unique_ptr<Checkpoint> open_bare_config(const fs::path& file) {
  return std::make_unique<HuggingFaceCheckpoint>(
      file, "config.json without weights", read_config(file, folder_name(fs::absolute(file).parent_path())),
      std::vector<MappedFile>{}, std::vector<StoredTensor>{});
}

} // namespace intarsia
