// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Access to the tensors that encode one quantized weight, shared by the readers of all schemes.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/quantized_weights.h"

namespace intarsia {

// Reads numbers of a floating-point tensor in its mapped file, by their row-major index.
class FloatView {
 public:
  FloatView(const FileTensor& tensor, const std::string& name); // throws Error{input} for other types
  float at(std::uint64_t i) const;
  std::uint64_t size() const { return size_; }

 private:
  DType dtype_;
  std::span<const std::byte> bytes_;
  std::uint64_t size_;
};

// The i-th little-endian 32-bit word of `bytes`, at any alignment.
std::uint32_t word_at(std::span<const std::byte> bytes, std::uint64_t i);

// The tensors of one weight, all named prefix + suffix; take() removes those that were used from the
// checkpoint's list.
class WeightParts {
 public:
  WeightParts(FileTensors& all, std::string prefix)
      : all_(all)
      , prefix_(std::move(prefix)) {}

  const FileTensor* find(std::string_view suffix); // nullptr when missing
  const FileTensor& need(std::string_view suffix); // throws naming the tensor when missing
  // The tensor as a matrix of this type; throws otherwise.
  const FileTensor& matrix(std::string_view suffix, DType dtype);
  [[noreturn]] void refuse(std::string_view suffix, const std::string& what) const; // "FILE: tensor …: what"
  const std::string& prefix() const { return prefix_; }

  // The decoded weight. Removes the tensors that were looked up, and those of the suffixes in `also`, from
  // the checkpoint's list.
  DecodedWeight take(std::shared_ptr<const RowDecoder> decoder,
                     std::initializer_list<std::string_view> also = {});

 private:
  FileTensors& all_;
  std::string prefix_;
  std::vector<std::string> used_;
};

// One reader per scheme (quantized_weights.h). `scheme`: of quantization_of(). Throw Error naming the tensor.
DecodedWeight read_gptq(WeightParts parts, const JsonObject& scheme);
DecodedWeight read_awq(WeightParts parts, const JsonObject& scheme);
DecodedWeight read_scaled(WeightParts parts, const Json& scheme); // 8-bit floats or integers times scales
DecodedWeight read_packed(WeightParts parts);                     // compressed-tensors, pack-quantized
DecodedWeight read_bitsandbytes_4(WeightParts parts);

} // namespace intarsia
