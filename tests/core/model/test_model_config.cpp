// SPDX-License-Identifier: GPL-3.0-or-later
// config.json in its older and newer forms, written and read again; the layer graph that follows from it.
#include "core/base/error.h"
#include "core/model/layer_graph.h"
#include "core/model/model_config.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

Json small_config() {
  return Json::parse(R"({"model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100})");
}

ModelConfig with(const char* field, const char* value) {
  Json json = small_config();
  json[field] = Json::parse(value);
  return parse_model_config(json, "config.json");
}

} // namespace

class TestModelConfig : public QObject {
  Q_OBJECT
 private slots:
  void absent_fields_mean_what_transformers_takes_them_for() {
    const ModelConfig config = parse_model_config(small_config(), "config.json");
    QCOMPARE(config.head_dim, std::size_t(16));
    QCOMPARE(config.max_positions, std::size_t(2048));
    QCOMPARE(config.rms_epsilon, 1e-6);
    QCOMPARE(config.rope_theta, 10000.);
    QVERIFY(!config.tied_embeddings && !config.attention_bias && !config.qkv_bias && !config.mlp_bias);
    QVERIFY(config.rope_scaling.kind == RopeScalingKind::none && config.bos_token == -1);
    Json no_groups = small_config();
    no_groups.erase("num_key_value_heads");
    QCOMPARE(parse_model_config(no_groups, "config.json").kv_heads, std::size_t(4));
    QVERIFY(with("model_type", "\"qwen2\"").qkv_bias);
  }

  void rope_scaling_is_read_in_every_spelling() {
    QVERIFY(with("rope_scaling", "null").rope_scaling.kind == RopeScalingKind::none);
    QCOMPARE(with("rope_scaling", R"({"type": "linear", "factor": 2})").rope_scaling.factor, 2.);
    QCOMPARE(with("rope_parameters", R"({"rope_type": "default", "rope_theta": 5e5})").rope_theta, 5e5);
    const RopeScaling scaling = with("rope_scaling", R"({"rope_type": "llama3", "factor": 8.0,
      "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})")
                                    .rope_scaling;
    QVERIFY(scaling.kind == RopeScalingKind::llama3);
    QCOMPARE(scaling.factor, 8.);
    QCOMPARE(scaling.original_positions, std::size_t(8192));
    for (const char* kind : {"yarn", "dynamic", "longrope"}) {
      const std::string json = std::string("{\"rope_type\": \"") + kind + "\", \"factor\": 2}";
      const std::string sentence = test::error_of([&] { with("rope_scaling", json.c_str()); });
      QVERIFY(sentence.find(kind) != std::string::npos && sentence.find("config.json") == 0);
    }
  }

  void a_short_sliding_window_is_refused() {
    const auto window = [](int size, const char* type) {
      Json json = small_config();
      json["model_type"] = type;
      json["max_position_embeddings"] = 4096;
      json["sliding_window"] = size;
      return test::error_of([&] { parse_model_config(json, "config.json"); });
    };
    QVERIFY(window(1024, "mistral").find("sliding_window") != std::string::npos);
    QCOMPARE(window(4096, "mistral"), std::string());
    QCOMPARE(window(1024, "qwen2"), std::string()); // off unless use_sliding_window says otherwise
  }

  void what_is_written_reads_back_the_same() {
    ModelConfig config = with("rope_scaling", R"({"rope_type": "llama3", "factor": 32.0,
      "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})");
    config.name = "a model";
    config.eos_tokens = {7, 9};
    config.bos_token = 3;
    config.tied_embeddings = config.mlp_bias = true;
    config.qkv_bias = true; // a Llama with Qwen2's biases, as some files have
    config.rope_divisors = {1, 1, 1.5f, 2, 2, 4, 8, 8};
    const ModelConfig again = parse_model_config(Json(to_json(config)), "written");
    QVERIFY(to_json(again) == to_json(config));
    QCOMPARE(again.eos_tokens, config.eos_tokens);
    QCOMPARE(again.rope_divisors, config.rope_divisors);
    QVERIFY(again.qkv_bias && again.mlp_bias && again.tied_embeddings && !again.attention_bias);
    QCOMPARE(again.rope_scaling.factor, 32.);
    config.architecture = "qwen2";
    config.qkv_bias = false;
    QVERIFY(!parse_model_config(Json(to_json(config)), "written").qkv_bias);
  }

  void the_graph_holds_every_linear_in_order() {
    const ModelConfig config = with("model_type", "\"qwen2\"");
    const LayerGraph graph = build_layer_graph(config);
    QCOMPARE(graph.linears.size(), std::size_t(14));
    QCOMPARE(graph.norms.size(), std::size_t(5));
    const LinearLayer* k = graph.find("model.layers.1.self_attn.k_proj");
    QVERIFY(k && k->d_in == 64 && k->d_out == 32 && k->bias && k->block == 1);
    QVERIFY(!graph.find("model.layers.0.self_attn.o_proj")->bias);
    QVERIFY(graph.head && graph.find("lm_head")->d_out == 100);
    QCOMPARE(graph.linear_weights(), std::size_t(2 * (64 * (64 + 32 + 32 + 64) + 3 * 64 * 96)));
    QVERIFY(!build_layer_graph(with("tie_word_embeddings", "true")).head);
  }

  // Seven subsets of {q, k, v}, three of {gate, up}, and o and down alone: twelve a block.
  void fusion_groups_are_the_subsets_that_read_one_input() {
    const LayerGraph graph = build_layer_graph(parse_model_config(small_config(), "config.json"));
    const auto groups = fusion_groups(graph);
    QCOMPARE(groups.size(), std::size_t(24));
    std::size_t largest = 0;
    for (const FusionGroup& group : groups) {
      largest = std::max(largest, group.members.size());
      for (const std::size_t member : group.members)
        QCOMPARE(graph.linears[member].input, graph.linears[group.members[0]].input);
    }
    QCOMPARE(largest, std::size_t(3));
  }
};

QTEST_APPLESS_MAIN(TestModelConfig)
#include "test_model_config.moc"
