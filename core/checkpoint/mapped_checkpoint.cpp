// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/mapped_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/base/error.h"

namespace intarsia {
namespace {

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

const std::string embedding_tensor = "model.embed_tokens.weight", head_tensor = "lm_head.weight";

// Whether two tensors surely hold the same: byte for byte, of one type.
bool same_values(const StoredTensor& a, const StoredTensor& b, const std::vector<MappedFile>& files) {
  if (a.decoder || b.decoder || a.info.dtype != b.info.dtype || a.info.bytes != b.info.bytes) return false;
  const auto bytes_of = [&](const StoredTensor& tensor) {
    return files[tensor.file].bytes().subspan(tensor.offset, tensor.info.bytes);
  };
  return std::ranges::equal(bytes_of(a), bytes_of(b));
}

// Tied models may store the shared matrix under the head's name only. Where both are there and differ, the
// config is wrong about the tie: transformers and llama.cpp compute with both.
void follow_the_files_head(ModelConfig& config, std::vector<StoredTensor>& tensors,
                           const std::vector<MappedFile>& files) {
  if (!config.tied_embeddings) return;
  const auto named = [&](const std::string& name) {
    return std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.info.name == name; });
  };
  const auto head = named(head_tensor), embedding = named(embedding_tensor);
  if (head == tensors.end()) return;
  if (embedding == tensors.end())
    head->info.name = embedding_tensor;
  else
    config.tied_embeddings = same_values(*head, *embedding, files);
}

// The number of a block's tensor; nullopt for others.
std::optional<std::size_t> block_of(std::string_view name) {
  constexpr std::string_view prefix = "model.layers.";
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::size_t block = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), block);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return block;
}

// Whether a tensor that no layer needs would change what the model computes. Tables that old files store
// though they follow from the config do not, nor do blocks beyond the model's.
bool is_computed_with(const std::string& name, const ModelConfig& config) {
  if (name == head_tensor) return !config.tied_embeddings;
  if (name.starts_with("lm_head.") || name.starts_with("model.norm.") ||
      name.starts_with("model.embed_tokens."))
    return true;
  const auto block = block_of(name);
  if (block && name.ends_with("_proj.bias")) return true; // whatever its block: no known model stores such
  return block && *block < config.blocks && name.find(".rotary_emb.") == std::string::npos;
}

} // namespace

std::uint64_t TensorInfo::elements() const {
  std::uint64_t product = 1; // cannot overflow: the containers' parsers checked it
  for (const std::uint64_t extent : shape) product *= extent;
  return product;
}

MappedCheckpoint::MappedCheckpoint(std::filesystem::path path, std::string kind, ModelConfig config,
                                   std::vector<MappedFile> files, std::vector<StoredTensor> tensors)
    : path_(std::move(path))
    , kind_(std::move(kind))
    , config_(std::move(config))
    , files_(std::make_shared<const std::vector<MappedFile>>(std::move(files)))
    , stored_(std::move(tensors)) {
  follow_the_files_head(config_, stored_, *files_);
  std::sort(stored_.begin(), stored_.end(),
            [](const auto& a, const auto& b) { return a.info.name < b.info.name; });
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    if (i > 0 && stored_[i].info.name == stored_[i - 1].info.name)
      throw input_error(path_.string() + ": tensor \"" + stored_[i].info.name + "\" is stored twice, in \"" +
                        stored_[i - 1].info.file + "\" and in \"" + stored_[i].info.file +
                        "\"; keep one set of weights");
    infos_.push_back(stored_[i].info);
  }
  if (!infos_.empty()) set_biases_from_tensors();
  graph_ = build_layer_graph(config_);
  if (!infos_.empty()) check_needed_tensors();
}

void MappedCheckpoint::set_biases_from_tensors() {
  const bool q = find("model.layers.0.self_attn.q_proj.bias"),
             o = find("model.layers.0.self_attn.o_proj.bias");
  config_.attention_bias = q && o;
  config_.qkv_bias = q && !o;
  config_.mlp_bias = find("model.layers.0.mlp.gate_proj.bias") != nullptr;
}

void MappedCheckpoint::check_needed_tensors() const {
  std::set<std::string> needed;
  const auto need = [&](const std::string& name, const std::vector<std::uint64_t>& shape) {
    const TensorInfo& tensor = require(name, shape);
    needed.insert(name);
    if (!is_weight_type(tensor.dtype))
      throw input_error(tensor.file + ": tensor \"" + name + "\" has type " +
                        std::string(dtype_name(tensor.dtype)) + ", which holds no weights");
  };
  const auto need_linear = [&](const LinearLayer& linear) {
    need(linear.name + ".weight", {linear.d_out, linear.d_in});
    if (linear.bias) need(linear.name + ".bias", {linear.d_out});
  };
  for (const LinearLayer* layer : graph_.all_layers()) need_linear(*layer);
  for (const NormLayer& norm : graph_.norms) need(norm.name + ".weight", {norm.width});
  refuse_unused_tensors(needed);
}

// A tensor of a block that the graph does not know would be dropped without a word, and the model would
// answer wrong.
void MappedCheckpoint::refuse_unused_tensors(const std::set<std::string>& needed) const {
  for (const StoredTensor& stored : stored_) {
    const TensorInfo& tensor = stored.info;
    if (needed.contains(tensor.name) || !is_computed_with(tensor.name, config_)) continue;
    const std::string& name = stored.stored_name.empty() ? tensor.name : stored.stored_name;
    const bool bias = name.ends_with(".bias");
    throw Error(ErrorKind::unsupported,
                tensor.file + ": tensor \"" + name + "\" is a " + (bias ? "bias" : "weight") +
                    " that the layers of " + config_.architecture +
                    " models do not have here; the model would be computed wrongly without it");
  }
}

const StoredTensor& MappedCheckpoint::stored(std::string_view name) const {
  const auto found =
      std::lower_bound(stored_.begin(), stored_.end(), name,
                       [](const StoredTensor& t, std::string_view n) { return t.info.name < n; });
  if (found == stored_.end() || found->info.name != name)
    throw input_error(path_.string() + ": tensor \"" + std::string(name) + "\" is missing");
  return *found;
}

void MappedCheckpoint::read_rows(std::string_view name, std::size_t first, std::size_t count,
                                 std::span<float> out) const {
  const StoredTensor& tensor = stored(name);
  const auto& shape = tensor.info.shape;
  const std::uint64_t columns = shape.empty() ? 1 : shape.back();
  const std::uint64_t rows = columns == 0 ? 0 : tensor.info.elements() / columns;
  if (first > rows || count > rows - first || out.size() != count * columns)
    throw Error(ErrorKind::internal, "rows asked for lie outside tensor \"" + std::string(name) + "\"");
  if (tensor.decoder) return tensor.decoder->read_rows(tensor.first_row + first, count, out);
  const auto row_bytes = storage_bytes(tensor.info.dtype, columns);
  if (!row_bytes)
    throw input_error(tensor.info.file + ": tensor \"" + std::string(name) + "\" has rows of broken blocks");
  const auto bytes = (*files_)[tensor.file].bytes().subspan(tensor.offset, tensor.info.bytes);
  if (tensor.permuted_heads == 0) {
    dequantize(tensor.info.dtype, bytes.subspan(first * *row_bytes, count * *row_bytes), out);
    if (tensor.added != 0)
      for (float& value : out) value += tensor.added;
    return;
  }
  // llama.cpp stores the pair (i, i + half) of a head's rows as neighbours (2i, 2i + 1).
  const bool is_vector = shape.size() == 1; // one value a row, all of them read at once
  const std::size_t total = is_vector ? columns : rows, heads = tensor.permuted_heads;
  if (total == 0 || total % (2 * heads) != 0)
    throw input_error(tensor.info.file + ": tensor \"" + std::string(name) + "\" has " +
                      std::to_string(total) + " rows, which " + std::to_string(heads) +
                      " heads cannot share in pairs");
  const std::size_t head = total / heads, half = head / 2;
  const auto stored_row = [&](std::size_t row) {
    const std::size_t inside = row % head;
    return row - inside + 2 * (inside % half) + inside / half;
  };
  if (is_vector) {
    std::vector<float> values(count * columns);
    dequantize(tensor.info.dtype, bytes.subspan(first * *row_bytes, count * *row_bytes), values);
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[stored_row(i)];
    return;
  }
  for (std::size_t i = 0; i < count; ++i)
    dequantize(tensor.info.dtype, bytes.subspan(stored_row(first + i) * *row_bytes, *row_bytes),
               out.subspan(i * columns, columns));
}

std::optional<StoredRows> MappedCheckpoint::stored_rows(std::string_view name) const {
  const StoredTensor& tensor = stored(name);
  const auto& shape = tensor.info.shape;
  if (tensor.decoder || shape.size() != 2 || shape[0] == 0 || shape[1] == 0 ||
      !is_weight_type(tensor.info.dtype) || tensor.info.dtype == DType::f64)
    return std::nullopt;
  const auto row_bytes = storage_bytes(tensor.info.dtype, shape[1]);
  if (!row_bytes || tensor.info.bytes != *row_bytes * shape[0]) return std::nullopt;
  if (tensor.permuted_heads != 0 && shape[0] % (2 * tensor.permuted_heads) != 0) return std::nullopt;
  const auto bytes = (*files_)[tensor.file].bytes().subspan(tensor.offset, tensor.info.bytes);
  return StoredRows{tensor.info.dtype, bytes, tensor.permuted_heads, files_};
}

const TensorInfo* Checkpoint::find(std::string_view name) const {
  const auto& all = tensors();
  const auto found = std::lower_bound(all.begin(), all.end(), name,
                                      [](const TensorInfo& t, std::string_view n) { return t.name < n; });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

const TensorInfo& Checkpoint::require(std::string_view name, const std::vector<std::uint64_t>& shape) const {
  const TensorInfo* tensor = find(name);
  if (!tensor)
    throw input_error(path().string() + ": tensor \"" + std::string(name) +
                      "\" is missing; the model is incomplete or its config.json is another model's");
  if (tensor->shape != shape)
    throw input_error(tensor->file + ": tensor \"" + std::string(name) + "\" has shape " +
                      shape_text(tensor->shape) + ", but the config asks for " + shape_text(shape));
  return *tensor;
}

std::vector<float> Checkpoint::read(std::string_view name) const {
  const TensorInfo* tensor = find(name);
  if (!tensor) throw input_error(path().string() + ": tensor \"" + std::string(name) + "\" is missing");
  std::vector<float> values(tensor->elements());
  const std::uint64_t columns = tensor->shape.empty() ? 1 : tensor->shape.back();
  if (columns > 0) read_rows(name, 0, values.size() / columns, values);
  return values;
}

void check_vocabulary(TokenizerSpec& tokenizer, const ModelConfig& config) {
  fit_to_embedding(tokenizer, config.vocabulary);
}

} // namespace intarsia
