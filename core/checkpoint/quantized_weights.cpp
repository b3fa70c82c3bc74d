// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/quantized_weights.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/base/error.h"
#include "core/checkpoint/quantized_parts.h"

namespace intarsia {
namespace {

namespace fs = std::filesystem;

constexpr std::array known_methods{
    "gptq", "awq", "fp8", "fbgemm_fp8", "modelopt", "compressed-tensors", "bitsandbytes"};

[[noreturn]] void refuse_scheme(const std::string& origin, const std::string& scheme) {
  std::string known;
  for (const char* method : known_methods) known += std::string(known.empty() ? "" : ", ") + method;
  throw Error(ErrorKind::unsupported, origin + " says that the weights are quantized with " + scheme +
                                          ", which is not read here (" + known +
                                          " are); open the original model, or a GGUF of it");
}

// Older checkpoints say it in a file of their own.
Json of_own_file(const fs::path& folder) {
  if (const fs::path file = folder / "quantize_config.json"; fs::exists(file)) { // AutoGPTQ
    Json json = read_json_file(file);
    if (json.is_object()) json["quant_method"] = "gptq";
    return json;
  }
  if (const fs::path file = folder / "quant_config.json"; fs::exists(file)) { // AutoAWQ
    const Json json = read_json_file(file);
    const JsonObject fields(json, file.string());
    return {{"quant_method", "awq"},
            {"bits", fields.count_or("w_bit", 1, 32, 4)},
            {"group_size", fields.has("q_group_size") ? fields.integer("q_group_size") : 128},
            {"version", fields.string_or("version", "gemm")}};
  }
  return nullptr;
}

bool is(const std::string& text, std::string_view other) {
  return std::equal(text.begin(), text.end(), other.begin(), other.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? char(a + 32) : a) == b; });
}

void check_variant(const JsonObject& scheme, const std::string& method, const std::string& origin) {
  if (method == "awq") {
    const std::string version = scheme.string_or("version", "gemm");
    if (!is(version, "gemm")) refuse_scheme(origin, "AWQ's variant \"" + version + "\"");
    if (const auto bits = scheme.count_or("bits", 1, 32, 4); bits != 4)
      refuse_scheme(origin, "AWQ in " + std::to_string(bits) + " bits");
  }
  if (method == "gptq") {
    const std::string format = scheme.string_or("checkpoint_format", "gptq");
    if (format != "gptq" && format != "gptq_v2") refuse_scheme(origin, "GPTQ's format \"" + format + "\"");
    scheme.count("bits", 1, 32);
  }
  if (method == "modelopt")
    if (const std::string algorithm = scheme.string_or("quant_algo", "FP8"); algorithm != "FP8")
      refuse_scheme(origin, "ModelOpt's \"" + algorithm + "\"");
  if (method == "compressed-tensors") {
    const std::string format = scheme.string_or("format", "");
    constexpr std::array formats{"pack-quantized",
                                 "int-quantized",
                                 "float-quantized",
                                 "naive-quantized",
                                 "dense",
                                 "mixed-precision",
                                 ""};
    if (std::find(formats.begin(), formats.end(), format) == formats.end())
      refuse_scheme(origin, "compressed-tensors' format \"" + format + "\"");
    if (scheme.has("sparsity_config") && scheme["sparsity_config"].is_object() &&
        scheme.object("sparsity_config").string_or("format", "dense") != "dense")
      refuse_scheme(origin, "compressed-tensors' sparse format \"" +
                                scheme.object("sparsity_config").string_or("format", "") + "\"");
  }
}

// Scales of activations and of the KV cache: nothing is computed in 8 bits here.
bool is_of_activations(const std::string& name) {
  constexpr std::array<std::string_view, 7> endings{
      ".input_scale", ".output_scale",     ".k_scale",           ".v_scale",
      ".q_scale",     ".input_zero_point", ".input_global_scale"};
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

std::vector<std::string> prefixes_of(const FileTensors& tensors, std::string_view suffix) {
  std::vector<std::string> prefixes;
  for (const auto& [name, tensor] : tensors)
    if (name.ends_with(suffix)) prefixes.push_back(name.substr(0, name.size() - suffix.size()));
  return prefixes;
}

bool has_scaled_codes(const FileTensors& tensors, const std::string& prefix) {
  const auto weight = tensors.find(prefix + ".weight");
  if (weight == tensors.end()) return false;
  const DType dtype = weight->second.entry.dtype;
  return dtype == DType::i8 || dtype == DType::f8_e4m3 || dtype == DType::f8_e5m2;
}

} // namespace

Json quantization_of(const Json& config, const fs::path& folder) {
  const std::string origin = (folder / "config.json").string();
  if (config.contains("quantization") && config["quantization"].is_object() &&
      !config.contains("quantization_config"))
    refuse_scheme(origin + ": field \"quantization\"", "MLX");
  Json scheme;
  for (const Json* part : {&config, config.contains("text_config") ? &config["text_config"] : &config})
    if (part->is_object() && part->contains("quantization_config") &&
        (*part)["quantization_config"].is_object() && !(*part)["quantization_config"].empty())
      scheme = (*part)["quantization_config"];
  if (scheme.is_null()) scheme = of_own_file(folder);
  if (scheme.is_null()) return scheme;
  const std::string field = origin + ": field \"quantization_config\"";
  const JsonObject fields(scheme, field);
  std::string method = fields.string_or("quant_method", "");
  if (method.empty() && (fields.has("load_in_4bit") || fields.has("load_in_8bit"))) method = "bitsandbytes";
  if (method.empty()) throw input_error(field + " names no \"quant_method\"");
  if (std::none_of(known_methods.begin(), known_methods.end(),
                   [&](const char* known) { return method == known; }))
    refuse_scheme(field, "\"" + method + "\"");
  scheme["quant_method"] = method;
  check_variant(JsonObject(scheme, field), method, field);
  return scheme;
}

std::vector<DecodedWeight> take_quantized_weights(const Json& scheme, FileTensors& tensors) {
  std::vector<DecodedWeight> weights;
  const std::string method = scheme.is_object() ? scheme.value("quant_method", "") : std::string();
  const Json none = Json::object(); // which JsonObject does not keep
  const JsonObject fields(scheme.is_object() ? scheme : none, "config.json: quantization_config");
  for (const std::string& prefix : prefixes_of(tensors, ".qweight")) {
    if (method != "gptq" && method != "awq")
      throw input_error(
          tensors.at(prefix + ".qweight").origin + ": tensor \"" + prefix +
          ".qweight\" is quantized, but config.json has no \"quantization_config\" that says how");
    weights.push_back(method == "gptq" ? read_gptq({tensors, prefix}, fields)
                                       : read_awq({tensors, prefix}, fields));
  }
  for (const std::string& prefix : prefixes_of(tensors, ".weight_packed"))
    weights.push_back(read_packed({tensors, prefix}));
  for (const std::string& prefix : prefixes_of(tensors, ".weight.absmax"))
    weights.push_back(read_bitsandbytes_4({tensors, prefix}));
  for (const std::string_view suffix : {".weight_scale_inv", ".weight_scale", ".SCB"})
    for (const std::string& prefix : prefixes_of(tensors, suffix))
      if (has_scaled_codes(tensors, prefix)) weights.push_back(read_scaled({tensors, prefix}, scheme));
  std::erase_if(tensors, [](const auto& tensor) { return is_of_activations(tensor.first); });
  return weights;
}

} // namespace intarsia
