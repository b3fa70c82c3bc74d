// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "tests/support/tiny_model.h"

#include <array>
#include <set>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/random.h"
#include "core/text/byte_alphabet.h"
#include "tests/support/test_support.h"

namespace intarsia::test {
namespace {

OrderedJson config_json(const TinyModel& model) {
  return {{"model_type", "llama"},
          {"hidden_act", "silu"},
          {"vocab_size", model.vocabulary},
          {"hidden_size", model.hidden},
          {"intermediate_size", model.intermediate},
          {"num_hidden_layers", model.blocks},
          {"num_attention_heads", model.heads},
          {"num_key_value_heads", model.kv_heads},
          {"max_position_embeddings", model.max_positions},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"bos_token_id", 0},
          {"eos_token_id", 1},
          {"tie_word_embeddings", model.tied}};
}

class SafetensorsWriter {
 public:
  explicit SafetensorsWriter(std::uint64_t seed)
      : random_(seed) {}

  void add(const std::string& name, const std::vector<std::size_t>& shape, float mean, float spread) {
    std::size_t elements = 1;
    for (const std::size_t extent : shape) elements *= extent;
    const std::size_t begin = data_.size();
    for (std::size_t i = 0; i < elements; ++i) {
      const float value = mean + spread * random_.normal();
      data_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    header_[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data_.size()}}};
  }

  std::string bytes() const {
    std::string header = header_.dump();
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + data_;
  }

 private:
  Random random_;
  OrderedJson header_ = OrderedJson::object();
  std::string data_;
};

} // namespace

void write_tiny_model(const std::filesystem::path& folder, const TinyModel& model) {
  std::filesystem::create_directories(folder);
  write_file(folder / "config.json", config_json(model).dump(2));
  const Json config = Json::parse(config_json(model).dump());
  const LayerGraph graph = build_layer_graph(parse_model_config(config, "config.json"));
  SafetensorsWriter file(model.seed);
  file.add(graph.embedding.name + ".weight", {model.vocabulary, model.hidden}, 0, 1);
  for (const NormLayer& norm : graph.norms) file.add(norm.name + ".weight", {norm.width}, 1, 0.1f);
  for (const LinearLayer& layer : graph.linears)
    file.add(layer.name + ".weight", {layer.d_out, layer.d_in}, 0, 0.2f);
  if (graph.head) file.add(graph.head->name + ".weight", {model.vocabulary, model.hidden}, 0, 0.2f);
  write_file(folder / "model.safetensors", file.bytes());
}

void write_tiny_tokenizer(const std::filesystem::path& folder, std::size_t vocabulary) {
  std::vector<std::string> tokens(byte_alphabet().begin(), byte_alphabet().end());
  std::set<std::string> known(tokens.begin(), tokens.end());
  OrderedJson merges = OrderedJson::array();
  Random random(5);
  while (tokens.size() < vocabulary) {
    const std::string &left = tokens[random.below(std::min<std::size_t>(tokens.size(), 2000))],
                      &right = tokens[random.below(256)];
    std::string joined = left + right;
    if (joined.size() > 24 || !known.insert(joined).second) continue;
    merges.push_back(left + " " + right);
    tokens.push_back(std::move(joined));
  }
  OrderedJson ids = OrderedJson::object();
  for (std::size_t i = 0; i < tokens.size(); ++i) ids[tokens[i]] = i;
  const OrderedJson json{{"added_tokens", OrderedJson::array()},
                         {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                         {"decoder", {{"type", "ByteLevel"}}},
                         {"model", {{"type", "BPE"}, {"vocab", ids}, {"merges", merges}}}};
  write_file(folder / "tokenizer.json", json.dump());
}

Plan mixed_plan(const LayerGraph& graph) {
  const std::array ids{parse_quantizer_id("nuq-3"), parse_quantizer_id("vq-2.5"),
                       parse_quantizer_id("tcq-3.25"), parse_quantizer_id("f16"),
                       parse_quantizer_id("half-tcq-2")};
  Plan plan;
  std::size_t next = 0;
  for (const LinearLayer& layer : graph.linears) plan.layers[layer.name] = {ids[next++ % ids.size()], "cpu"};
  return plan;
}

} // namespace intarsia::test
