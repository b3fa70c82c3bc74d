// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a model family is: its names in both kinds of file, and what it has beyond Llama. A family is one file
// in this folder and one line in registry.h; nothing else in the program names an architecture.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/model/model_config.h"

namespace intarsia {

// A tensor of a block as files store it: "blk.3.<gguf>.weight", "model.layers.3.<hugging_face>.weight".
// Either is empty where that kind of file has no such tensor. A * stands for an expert's number.
struct BlockTensor {
  std::string_view gguf, hugging_face;
  // Our names of what it holds, one below the other by rows. Empty: one tensor, named as Hugging Face does. A
  // * is the expert that the file's name says; where that says none, the tensor is a stack of all experts'.
  std::vector<std::string_view> holds = {};
};

// Text and what takes its place.
using Renaming = std::pair<std::string_view, std::string_view>;

struct Architecture {
  std::vector<std::string_view> model_types; // config.json's; the first is written
  std::string_view class_name;               // written into "architectures"
  std::string_view gguf;                     // general.architecture; empty: llama.cpp does not know it
  // Whether a GGUF of this family has experts, a sliding window: families may share a gguf name.
  bool gguf_experts = false, gguf_windows = false;

  // config.json: values of fields that are missing (Hugging Face's defaults of this family, a JSON object),
  // and the fields that `read` takes beyond the common ones.
  std::string_view defaults = "{}";
  std::vector<std::string_view> fields = {};
  void (*read)(const JsonObject& config, ModelConfig& model) = nullptr;

  // GGUF metadata "<gguf>.<first>" is the config's field <second>; `complete` adds what llama.cpp deduces.
  std::vector<Renaming> metadata = {};
  void (*complete)(OrderedJson& config) = nullptr;

  // Block tensors that are named or stored otherwise than by most (common_tensors).
  std::vector<BlockTensor> tensors = {};
  std::vector<Renaming> prefixes =
      {};                       // of tensor names in Hugging Face files that hold more than the text model
  float gain_offset = 0;        // norms' gains in Hugging Face files are stored without it; GGUF's have it
  bool gguf_pairs_rows = false; // llama.cpp's converter interleaves the rows of q and k for this family
};

std::span<const BlockTensor> common_tensors();
// As a file names it, first in the family's own list; nullptr for a name that no list has.
const BlockTensor* find_gguf_tensor(const Architecture& architecture, std::string_view name);
const BlockTensor* find_hugging_face_tensor(const Architecture& architecture, std::string_view name);

// The family of a model_type; nullptr when unknown.
const Architecture* find_architecture(std::string_view model_type);
// Of a GGUF's general.architecture; nullptr when unknown. Of families that share one the first that has
// experts and windows as the file does, else the first.
const Architecture* find_gguf_architecture(std::string_view gguf, bool experts, bool windows);
// Whether the family reads this field of config.json, beyond the common ones.
bool reads_field(const Architecture& architecture, std::string_view field);
std::string known_model_types();        // for messages: "llama, mistral, …"
std::string known_gguf_architectures(); // the same, as GGUF names them

} // namespace intarsia
