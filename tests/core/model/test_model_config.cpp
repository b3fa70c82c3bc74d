// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// config.json in its older and newer forms, written and read again; the layer graph that follows from it.
#include <cmath>

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
    const ModelConfig dynamic = with("rope_scaling", R"({"rope_type": "dynamic", "factor": 2})");
    QVERIFY(dynamic.rope_scaling.kind == RopeScalingKind::dynamic);
    QCOMPARE(dynamic.max_positions, std::size_t(4096)); // the context stated is the one that is stretched
    const RopeScaling yarn = with("rope_scaling", R"({"rope_type": "yarn", "factor": 4, "mscale": 1.0,
      "mscale_all_dim": 0.5, "original_max_position_embeddings": 512})")
                                 .rope_scaling;
    QVERIFY(yarn.kind == RopeScalingKind::yarn && yarn.beta_fast == 32 && yarn.original_positions == 512);
    QCOMPARE(yarn.magnitude, (0.1 * std::log(4) + 1) / (0.05 * std::log(4) + 1));
    const RopeScaling longrope =
        with("rope_scaling", R"({"type": "su", "short_factor": [1, 1, 1, 1, 1, 1, 1, 1],
      "long_factor": [1, 1, 1, 1, 2, 2, 4, 4], "original_max_position_embeddings": 512})")
            .rope_scaling;
    QVERIFY(longrope.kind == RopeScalingKind::longrope && longrope.long_factors[7] == 4);
    QCOMPARE(longrope.magnitude, std::sqrt(1 + std::log(4.) / std::log(512.)));
    for (const auto& [json, what] : {std::pair{R"({"rope_type": "yarn"})", "yarn"},
                                     std::pair{R"({"rope_type": "longrope", "factor": 2})", "short_factor"},
                                     std::pair{R"({"rope_type": "spiral", "factor": 2})", "spiral"}}) {
      const std::string sentence = test::error_of([&] { with("rope_scaling", json); });
      QVERIFY(sentence.find(what) != std::string::npos && sentence.find("config.json") == 0);
    }
  }

  // People add rope_scaling to a config that transformers 5 wrote, to stretch the context.
  void rope_scaling_wins_over_rope_parameters() {
    Json json = small_config();
    json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5e5}};
    json["rope_scaling"] = {{"type", "linear"}, {"factor", 4}};
    ModelConfig config = parse_model_config(json, "config.json");
    QVERIFY(config.rope_scaling.kind == RopeScalingKind::linear && config.rope_scaling.factor == 4);
    QCOMPARE(config.rope_theta, 5e5);
    json["rope_scaling"] = Json::object();
    config = parse_model_config(json, "config.json");
    QVERIFY(config.rope_scaling.kind == RopeScalingKind::none && config.rope_theta == 5e5);
    const char* llama3 = R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0})";
    QCOMPARE(with("rope_scaling", llama3).rope_scaling.original_positions, std::size_t(2048));
  }

  void fields_of_other_families_are_not_read() {
    QVERIFY(with("hidden_activation", "\"gelu_pytorch_tanh\"").activation == Activation::silu);
    const std::string sentence = test::error_of(
        [] { with("rope_parameters", R"({"rope_type": "default", "partial_rotary_factor": 0.5})"); });
    QVERIFY(sentence.find("rope_parameters: field \"partial_rotary_factor\"") != std::string::npos);
    Json granite = small_config();
    granite["model_type"] = "granite";
    QVERIFY(parse_model_config(granite, "config.json").attention_of(1).rope == RopeUse::global);
    granite["rope_finetuned"] = false; // as llama.cpp says that nothing is rotated
    const ModelConfig config = parse_model_config(granite, "config.json");
    QVERIFY(config.attention_of(1).rope == RopeUse::none);
    QVERIFY(parse_model_config(Json(to_json(config)), "written").attention_of(1).rope == RopeUse::none);
  }

  void sliding_windows_are_read_as_their_family_means_them() {
    const auto read = [](const char* type, const Json& fields) {
      Json json = small_config();
      json["model_type"] = type;
      json["max_position_embeddings"] = 4096;
      json.update(fields);
      return parse_model_config(json, "config.json");
    };
    const auto windows = [&](const char* type, const Json& fields) {
      const ModelConfig config = read(type, fields);
      return std::pair{config.attention_of(0).window, config.attention_of(1).window};
    };
    using Windows = std::pair<std::size_t, std::size_t>;
    QVERIFY(windows("mistral", {{"sliding_window", 1024}}) == Windows(1024, 1024));
    QVERIFY(windows("mistral", {{"sliding_window", 4096}}) == Windows(0, 0)); // never filled
    QVERIFY(windows("mistral", {{"sliding_window", nullptr}}) == Windows(0, 0));
    QVERIFY(windows("llama", {{"sliding_window", 1024}}) ==
            Windows(0, 0)); // Llama has none, whatever is written
    QVERIFY(windows("qwen2", {{"sliding_window", 1024}}) ==
            Windows(0, 0)); // off unless use_sliding_window is on
    QVERIFY(windows("qwen2",
                    {{"sliding_window", 1024}, {"use_sliding_window", true}, {"max_window_layers", 1}}) ==
            Windows(0, 1024));
    const Json types{{"sliding_window", 512}, {"layer_types", {"full_attention", "sliding_attention"}}};
    QVERIFY(windows("gemma2", types) == Windows(0, 512));
    const ModelConfig gemma3 = read("gemma3_text", types);
    QVERIFY(gemma3.attention_of(0).rope == RopeUse::global && gemma3.attention_of(1).rope == RopeUse::local);
    const Json chunked{{"layer_types", {"full_attention", "chunked_attention"}}};
    QVERIFY(test::error_of([&] { read("gemma3_text", chunked); }).find("chunked_attention") !=
            std::string::npos);
  }

  void what_would_change_the_model_unread_is_refused_by_name() {
    for (const auto& [field, value] :
         {std::pair{"attn_logit_softcapping", "50.0"}, std::pair{"clip_qkv", "8"},
          std::pair{"num_local_experts", "8"}, std::pair{"logits_scaling", "4"},
          std::pair{"partial_rotary_factor", "0.5"}, std::pair{"alibi", "true"},
          std::pair{"no_rope_layers", "[1, 0]"}}) {
      const std::string sentence = test::error_of([&, f = field, v = value] { with(f, v); });
      QVERIFY2(sentence.find(field) != std::string::npos, field);
    }
    for (const auto& [field, value] :
         {std::pair{"attn_logit_softcapping", "null"}, std::pair{"logits_scaling", "1.0"},
          std::pair{"layer_types", "[\"full_attention\", \"full_attention\"]"},
          std::pair{"use_cache", "true"}, std::pair{"alibi", "false"}})
      with(field, value);
    const std::string unknown = test::error_of([] { with("model_type", "\"mamba\""); });
    for (const char* name : {"mamba", "llama", "qwen3", "gemma3_text", "phi3", "mixtral"})
      QVERIFY2(unknown.find(name) != std::string::npos, name);
  }

  void a_text_model_inside_another_is_found() {
    const Json json = Json::parse(R"({"model_type": "gemma3", "eos_token_id": [1, 106],
      "vision_config": {"hidden_size": 1152}, "text_config": {"model_type": "gemma3_text", "hidden_size": 64,
      "intermediate_size": 96, "num_hidden_layers": 2}})");
    const ModelConfig config = parse_model_config(json, "config.json");
    QCOMPARE(config.hidden, std::size_t(64));
    QCOMPARE(config.head_dim, std::size_t(256)); // Gemma 3's default
    QVERIFY(config.tied_embeddings && config.eos_tokens == (std::vector<int>{1, 106}));
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
