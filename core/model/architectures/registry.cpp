// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/model/architectures/registry.h"

#include <algorithm>
#include <array>

namespace intarsia {
namespace {

#define INTARSIA_LIST(name) &architectures::name,
constexpr std::array known{INTARSIA_ARCHITECTURES(INTARSIA_LIST)};
#undef INTARSIA_LIST

void append(std::string& list, std::string_view name) {
  if (name.empty()) return;
  if (!list.empty()) list += ", ";
  list += name;
}

} // namespace

std::span<const BlockTensor> common_tensors() {
  static const std::vector<BlockTensor> tensors{
      {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
      {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
      {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"},
      {"attn_k_norm", "self_attn.k_norm"}, {"ffn_norm", "post_attention_layernorm"},
      {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"},
  };
  return tensors;
}

namespace {

// A * in the pattern is any number.
bool matches(std::string_view name, std::string_view pattern) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return name == pattern;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  if (name.size() <= before.size() + after.size() || !name.starts_with(before) || !name.ends_with(after))
    return false;
  const auto number = name.substr(star, name.size() - before.size() - after.size());
  return std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
}

const BlockTensor* find_tensor(const Architecture& architecture, std::string_view name,
                               std::string_view BlockTensor::*field) {
  for (const std::span<const BlockTensor> list : {std::span(architecture.tensors), common_tensors()})
    for (const BlockTensor& tensor : list)
      if (!(tensor.*field).empty() && matches(name, tensor.*field)) return &tensor;
  return nullptr;
}

} // namespace

const BlockTensor* find_gguf_tensor(const Architecture& architecture, std::string_view name) {
  return find_tensor(architecture, name, &BlockTensor::gguf);
}

const BlockTensor* find_hugging_face_tensor(const Architecture& architecture, std::string_view name) {
  return find_tensor(architecture, name, &BlockTensor::hugging_face);
}

const Architecture* find_architecture(std::string_view model_type) {
  for (const Architecture* architecture : known)
    if (std::ranges::find(architecture->model_types, model_type) != architecture->model_types.end())
      return architecture;
  return nullptr;
}

const Architecture* find_gguf_architecture(std::string_view gguf, bool experts, bool windows) {
  const Architecture* found = nullptr;
  std::size_t most = 0;
  for (const Architecture* architecture : known) {
    if (gguf.empty() || architecture->gguf != gguf) continue;
    const std::size_t alike =
        1 + 2 * (architecture->gguf_experts == experts) + std::size_t(architecture->gguf_windows == windows);
    if (alike > most) found = architecture;
    most = std::max(most, alike);
  }
  return found;
}

bool reads_field(const Architecture& architecture, std::string_view field) {
  return std::ranges::find(architecture.fields, field) != architecture.fields.end();
}

std::string known_model_types() {
  std::string list;
  for (const Architecture* architecture : known) append(list, architecture->model_types[0]);
  return list;
}

std::string known_gguf_architectures() {
  std::string list;
  std::vector<std::string_view> named;
  for (const Architecture* architecture : known) {
    if (std::ranges::find(named, architecture->gguf) == named.end()) append(list, architecture->gguf);
    named.push_back(architecture->gguf);
  }
  return list;
}

} // namespace intarsia
