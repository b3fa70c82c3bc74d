// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// GPTQ (AutoGPTQ, GPTQModel) and AWQ (AutoAWQ, "gemm"): codes of a few bits packed in 32-bit words, a scale
// and a zero point for every group of inputs and every output. weight[o, i] = scale[g(i), o] * (code[i, o] -
// zero[g(i), o]).
#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "core/checkpoint/quantized_parts.h"

namespace intarsia {
namespace {

// Where the code of an output lies among the eight of an AWQ word.
constexpr unsigned awq_place[8] = {0, 4, 1, 5, 2, 6, 3, 7};

struct Packing {
  unsigned bits = 4;
  bool along_inputs = true; // GPTQ packs codes of neighbouring inputs, AWQ of neighbouring outputs
  bool awq_order = false;
  unsigned zero_added = 0; // GPTQ's first format stores zero points less 1
  unsigned in_word() const { return 32 / bits; }
  unsigned mask() const { return (1u << bits) - 1; }
  unsigned shift(std::uint64_t i) const {
    const auto place = unsigned(i % in_word());
    return bits * (awq_order ? awq_place[place] : place);
  }
};

class GroupedRows : public RowDecoder {
 public:
  GroupedRows(Packing packing, std::uint64_t inputs, std::uint64_t outputs, std::span<const std::byte> codes,
              std::span<const std::byte> zeros, FloatView scales, std::vector<std::uint32_t> group_of)
      : packing_(packing)
      , inputs_(inputs)
      , outputs_(outputs)
      , codes_(codes)
      , zeros_(zeros)
      , scales_(scales)
      , group_of_(std::move(group_of)) {}

  std::uint64_t rows() const override { return outputs_; }
  std::uint64_t columns() const override { return inputs_; }

  void read_rows(std::size_t first, std::size_t count, std::span<float> out) const override {
    const std::size_t groups = scales_.size() / outputs_;
    std::vector<float> scale(groups * count), zero(groups * count);
    for (std::size_t g = 0; g < groups; ++g)
      for (std::size_t r = 0; r < count; ++r) {
        scale[g * count + r] = scales_.at(g * outputs_ + first + r);
        zero[g * count + r] = float(zero_point(g, first + r));
      }
    for (std::size_t i = 0; i < inputs_; ++i) {
      const std::size_t group = group_of_[i] * count;
      for (std::size_t r = 0; r < count; ++r)
        out[r * inputs_ + i] = (float(code(i, first + r)) - zero[group + r]) * scale[group + r];
    }
  }

 private:
  unsigned zero_point(std::size_t group, std::size_t output) const {
    const std::size_t words = outputs_ / packing_.in_word();
    const std::uint32_t word = word_at(zeros_, group * words + output / packing_.in_word());
    // AutoGPTQ masks after the addition, so that a zero point of 0 survives.
    return ((word >> packing_.shift(output) & packing_.mask()) + packing_.zero_added) & packing_.mask();
  }

  unsigned code(std::size_t input, std::size_t output) const {
    if (packing_.along_inputs)
      return word_at(codes_, input / packing_.in_word() * outputs_ + output) >> packing_.shift(input) &
             packing_.mask();
    const std::size_t words = outputs_ / packing_.in_word();
    return word_at(codes_, input * words + output / packing_.in_word()) >> packing_.shift(output) &
           packing_.mask();
  }

  Packing packing_;
  std::uint64_t inputs_, outputs_;
  std::span<const std::byte> codes_, zeros_;
  FloatView scales_;
  std::vector<std::uint32_t> group_of_; // of every input
};

// The group of each input: what g_idx says, else neighbours in groups of the same size.
std::vector<std::uint32_t> groups_of(WeightParts& parts, std::uint64_t inputs, std::uint64_t groups,
                                     std::int64_t group_size) {
  std::vector<std::uint32_t> group_of(inputs);
  if (const FileTensor* index = parts.find(".g_idx")) {
    if (index->entry.dtype != DType::i32 || index->entry.shape != std::vector<std::uint64_t>{inputs})
      parts.refuse(".g_idx", "does not hold one I32 for each of the " + std::to_string(inputs) + " inputs");
    for (std::uint64_t i = 0; i < inputs; ++i) {
      group_of[i] = word_at(index->bytes, i);
      if (group_of[i] >= groups) parts.refuse(".g_idx", "names a group that has no scales");
    }
    return group_of;
  }
  const std::uint64_t size = group_size > 0 ? std::uint64_t(group_size) : inputs;
  if ((inputs + size - 1) / size != groups)
    parts.refuse(".scales", "has " + std::to_string(groups) + " groups, which do not fit " +
                                std::to_string(inputs) + " inputs in groups of " + std::to_string(size));
  for (std::uint64_t i = 0; i < inputs; ++i) group_of[i] = std::uint32_t(i / size);
  return group_of;
}

DecodedWeight grouped(WeightParts& parts, const Packing& packing, std::uint64_t inputs, std::uint64_t outputs,
                      std::int64_t group_size) {
  const FileTensor& scales = parts.need(".scales");
  if (scales.entry.shape.size() != 2 || scales.entry.shape[0] == 0 || scales.entry.shape[1] != outputs)
    parts.refuse(".scales", "does not have a column for each of the " + std::to_string(outputs) + " outputs");
  const std::uint64_t groups = scales.entry.shape[0];
  const FileTensor& zeros = parts.matrix(".qzeros", DType::i32);
  if (outputs % packing.in_word() != 0 ||
      zeros.entry.shape != std::vector<std::uint64_t>{groups, outputs / packing.in_word()})
    parts.refuse(".qzeros", "does not hold a zero point for every scale");
  auto group_of = groups_of(parts, inputs, groups, group_size);
  const FileTensor& codes = parts.need(".qweight");
  return parts.take(std::make_shared<GroupedRows>(packing, inputs, outputs, codes.bytes, zeros.bytes,
                                                  FloatView(scales, parts.prefix() + ".scales"),
                                                  std::move(group_of)));
}

} // namespace

DecodedWeight read_gptq(WeightParts parts, const JsonObject& scheme) {
  const FileTensor& codes = parts.matrix(".qweight", DType::i32);
  // Single layers may have bits of their own: where every input's group is listed, that tells how many there
  // are.
  const FileTensor* index = parts.find(".g_idx");
  const std::uint64_t stated = scheme.count("bits", 1, 32);
  const std::uint64_t inputs = index && index->entry.shape.size() == 1 && index->entry.shape[0] > 0
                                   ? index->entry.shape[0]
                                   : codes.entry.shape[0] * 32 / stated;
  const std::uint64_t bits = codes.entry.shape[0] * 32 / inputs;
  if ((bits != 2 && bits != 4 && bits != 8) || codes.entry.shape[0] * (32 / bits) != inputs)
    throw Error(ErrorKind::unsupported,
                codes.origin + ": tensor \"" + parts.prefix() + ".qweight\" has GPTQ codes of " +
                    std::to_string(bits) +
                    " bits; 2, 4 and 8 are read here, open the original model instead");
  const bool second = scheme.string_or("checkpoint_format", "gptq") == "gptq_v2";
  return grouped(parts, {.bits = unsigned(bits), .zero_added = second ? 0u : 1u}, inputs,
                 codes.entry.shape[1], scheme.has("group_size") ? scheme.integer("group_size") : -1);
}

DecodedWeight read_awq(WeightParts parts, const JsonObject& scheme) {
  const FileTensor& codes = parts.matrix(".qweight", DType::i32);
  const Packing packing{.bits = 4, .along_inputs = false, .awq_order = true};
  if (codes.entry.shape[1] > UINT32_MAX / packing.in_word()) parts.refuse(".qweight", "is too wide");
  return grouped(parts, packing, codes.entry.shape[0], codes.entry.shape[1] * packing.in_word(),
                 scheme.has("group_size") ? scheme.integer("group_size") : 128);
}

} // namespace intarsia
