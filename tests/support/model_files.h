// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Writes small model files, whole or broken on purpose.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace intarsia::test {

// A safetensors file from a header as text and so many zero bytes of data.
std::string safetensors_bytes(const std::string& header, std::size_t data_bytes);

// A GGUF from little-endian pieces.
class GgufBuilder {
 public:
  explicit GgufBuilder(std::uint32_t version = 3)
      : version_(version) {}
  GgufBuilder& text(const std::string& key, const std::string& value);
  GgufBuilder& number(const std::string& key, std::uint32_t value);
  GgufBuilder& real(const std::string& key, float value);
  // A value as raw bytes behind its type number.
  GgufBuilder& raw(const std::string& key, std::uint32_t type, const std::string& bytes);
  GgufBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& reversed_shape,
                      std::uint32_t type, std::uint64_t offset);
  std::string bytes(std::size_t data_bytes) const;
  std::uint64_t claimed_tensors = UINT64_MAX, claimed_keys = UINT64_MAX; // instead of the true counts

  static std::string le32(std::uint32_t value);
  static std::string le64(std::uint64_t value);
  static std::string string(const std::string& value);

 private:
  std::uint32_t version_;
  std::string keys_, tensors_;
  std::uint64_t key_count_ = 0, tensor_count_ = 0;
};

// A complete tiny Llama in GGUF (F32, no tokenizer): 1 block, hidden 8, vocabulary 4.
GgufBuilder tiny_gguf();
constexpr std::size_t tiny_gguf_data_bytes = 4096;

// A tokenizer.json of 96 tokens, two special ones and what ASCII can print, for a folder that has none.
void write_ascii_tokenizer(const std::filesystem::path& folder);

} // namespace intarsia::test
