// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/quantized_parts.h"

#include <cstring>

#include "core/base/error.h"

namespace intarsia {

FloatView::FloatView(const FileTensor& tensor, const std::string& name)
    : dtype_(tensor.entry.dtype)
    , bytes_(tensor.bytes)
    , size_(1) {
  if (!is_weight_type(dtype_) || block_elements(dtype_) != 1)
    throw input_error(tensor.origin + ": tensor \"" + name + "\" has type " +
                      std::string(dtype_name(dtype_)) + ", not floating-point numbers");
  for (const std::uint64_t extent : tensor.entry.shape) size_ *= extent; // checked by the container's parser
}

float FloatView::at(std::uint64_t i) const {
  const std::size_t bytes = block_bytes(dtype_);
  float value = 0;
  dequantize(dtype_, bytes_.subspan(i * bytes, bytes), {&value, 1});
  return value;
}

std::uint32_t word_at(std::span<const std::byte> bytes, std::uint64_t i) {
  std::uint32_t word;
  std::memcpy(&word, bytes.data() + 4 * i, 4);
  return word;
}

const FileTensor* WeightParts::find(std::string_view suffix) {
  const auto found = all_.find(prefix_ + std::string(suffix));
  if (found == all_.end()) return nullptr;
  used_.push_back(found->first);
  return &found->second;
}

const FileTensor& WeightParts::need(std::string_view suffix) {
  if (const FileTensor* tensor = find(suffix)) return *tensor;
  const std::string origin = used_.empty() ? std::string("the checkpoint") : all_.at(used_.front()).origin;
  throw input_error(origin + ": tensor \"" + prefix_ + std::string(suffix) +
                    "\" of a quantized weight is missing; the model is incomplete, download it again");
}

const FileTensor& WeightParts::matrix(std::string_view suffix, DType dtype) {
  const FileTensor& tensor = need(suffix);
  if (tensor.entry.dtype != dtype || tensor.entry.shape.size() != 2 || tensor.entry.shape[0] == 0 ||
      tensor.entry.shape[1] == 0)
    refuse(suffix, "is no matrix of " + std::string(dtype_name(dtype)) + ", as its quantization stores it");
  return tensor;
}

void WeightParts::refuse(std::string_view suffix, const std::string& what) const {
  const auto found = all_.find(prefix_ + std::string(suffix));
  throw input_error((found == all_.end() ? std::string("the checkpoint") : found->second.origin) +
                    ": tensor \"" + prefix_ + std::string(suffix) + "\" " + what);
}

DecodedWeight WeightParts::take(std::shared_ptr<const RowDecoder> decoder,
                                std::initializer_list<std::string_view> also) {
  for (const std::string_view suffix : also) find(suffix);
  DecodedWeight weight{prefix_ + ".weight", std::move(decoder), 0, all_.at(used_.front()).origin};
  for (const std::string& name : used_)
    if (const auto found = all_.find(name); found != all_.end()) {
      weight.bytes += found->second.bytes.size();
      all_.erase(found);
    }
  return weight;
}

} // namespace intarsia
