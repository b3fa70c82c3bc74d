// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "tests/support/model_files.h"

#include <cstring>

#include "core/base/json.h"
#include "tests/support/test_support.h"

namespace intarsia::test {

std::string GgufBuilder::le32(std::uint32_t value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, 4);
  return bytes;
}
std::string GgufBuilder::le64(std::uint64_t value) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &value, 8);
  return bytes;
}
std::string GgufBuilder::string(const std::string& value) { return le64(value.size()) + value; }

std::string safetensors_bytes(const std::string& header, std::size_t data_bytes) {
  return GgufBuilder::le64(header.size()) + header + std::string(data_bytes, '\0');
}

GgufBuilder& GgufBuilder::raw(const std::string& key, std::uint32_t type, const std::string& bytes) {
  keys_ += string(key) + le32(type) + bytes;
  ++key_count_;
  return *this;
}
GgufBuilder& GgufBuilder::text(const std::string& key, const std::string& value) {
  return raw(key, 8, string(value));
}
GgufBuilder& GgufBuilder::number(const std::string& key, std::uint32_t value) {
  return raw(key, 4, le32(value));
}
GgufBuilder& GgufBuilder::real(const std::string& key, float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return raw(key, 6, le32(bits));
}

GgufBuilder& GgufBuilder::tensor(const std::string& name, const std::vector<std::uint64_t>& reversed_shape,
                                 std::uint32_t type, std::uint64_t offset) {
  tensors_ += string(name) + le32(std::uint32_t(reversed_shape.size()));
  for (const std::uint64_t extent : reversed_shape) tensors_ += le64(extent);
  tensors_ += le32(type) + le64(offset);
  ++tensor_count_;
  return *this;
}

std::string GgufBuilder::bytes(std::size_t data_bytes) const {
  std::string file = "GGUF" + le32(version_) +
                     le64(claimed_tensors == UINT64_MAX ? tensor_count_ : claimed_tensors) +
                     le64(claimed_keys == UINT64_MAX ? key_count_ : claimed_keys) + keys_ + tensors_;
  file.resize((file.size() + 31) / 32 * 32, '\0');
  return file + std::string(data_bytes, '\0');
}

GgufBuilder tiny_gguf() {
  GgufBuilder gguf;
  gguf.text("general.architecture", "llama")
      .number("llama.embedding_length", 8)
      .number("llama.feed_forward_length", 8);
  gguf.number("llama.block_count", 1)
      .number("llama.attention.head_count", 2)
      .real("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  std::uint64_t offset = 0;
  const auto add = [&](const std::string& name, const std::vector<std::uint64_t>& shape) {
    gguf.tensor(name, shape, 0, offset);
    std::uint64_t size = 4;
    for (const std::uint64_t extent : shape) size *= extent;
    offset += (size + 31) / 32 * 32;
  };
  add("token_embd.weight", {8, 4});
  add("output_norm.weight", {8});
  add("blk.0.attn_norm.weight", {8});
  add("blk.0.ffn_norm.weight", {8});
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
    add(std::string("blk.0.") + name + ".weight", {8, 8});
  return gguf;
}

void write_ascii_tokenizer(const std::filesystem::path& folder) {
  OrderedJson ids{{"<unk>", 0}, {"</s>", 1}};
  for (char letter = '!'; letter <= '~'; ++letter) ids[std::string(1, letter)] = ids.size();
  const auto special = [](int id, const char* text) {
    return OrderedJson{{"id", id}, {"content", text}, {"special", true}};
  };
  const OrderedJson json{
      {"added_tokens", {special(0, "<unk>"), special(1, "</s>")}},
      {"decoder", {{"type", "Fuse"}}},
      {"model", {{"type", "BPE"}, {"vocab", ids}, {"merges", OrderedJson::array()}, {"unk_token", "<unk>"}}}};
  write_file(folder / "tokenizer.json", json.dump());
}

} // namespace intarsia::test
