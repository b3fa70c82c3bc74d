// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/tensor/dtype.h"

#include <array>

#include "core/base/checked.h"

namespace intarsia {
namespace {

struct Layout {
  std::string_view name;
  std::size_t elements; // a block
  std::size_t bytes;    // a block
  bool weight;
};

// In the order of DType. Block sizes: ggml-common.h.
constexpr std::array<Layout, dtype_count> layouts{{
    {"F64", 1, 8, true},       {"F32", 1, 4, true},      {"F16", 1, 2, true},
    {"BF16", 1, 2, true},      {"I8", 1, 1, false},      {"I16", 1, 2, false},
    {"I32", 1, 4, false},      {"I64", 1, 8, false},     {"U8", 1, 1, false},
    {"U16", 1, 2, false},      {"U32", 1, 4, false},     {"U64", 1, 8, false},
    {"BOOL", 1, 1, false},     {"Q8_0", 32, 34, true},   {"Q4_0", 32, 18, true},
    {"Q4_1", 32, 20, true},    {"Q5_0", 32, 22, true},   {"Q5_1", 32, 24, true},
    {"Q2_K", 256, 84, true},   {"Q3_K", 256, 110, true}, {"Q4_K", 256, 144, true},
    {"Q5_K", 256, 176, true},  {"Q6_K", 256, 210, true}, {"Q8_K", 256, 292, true},
    {"IQ1_S", 256, 50, true},  {"IQ1_M", 256, 56, true}, {"IQ2_XXS", 256, 66, true},
    {"IQ2_XS", 256, 74, true}, {"IQ2_S", 256, 82, true}, {"IQ3_XXS", 256, 98, true},
    {"IQ3_S", 256, 110, true}, {"IQ4_NL", 32, 18, true}, {"IQ4_XS", 256, 136, true},
    {"TQ1_0", 256, 54, true},  {"TQ2_0", 256, 66, true}, {"MXFP4", 32, 17, true},
    {"NVFP4", 64, 36, true},   {"F8_E4M3", 1, 1, true},  {"F8_E5M2", 1, 1, true},
    {"F8_E8M0", 1, 1, true},
}};

const Layout& layout(DType dtype) { return layouts[std::size_t(dtype)]; }

} // namespace

std::string_view dtype_name(DType dtype) { return layout(dtype).name; }
std::size_t block_elements(DType dtype) { return layout(dtype).elements; }
std::size_t block_bytes(DType dtype) { return layout(dtype).bytes; }
bool is_weight_type(DType dtype) { return layout(dtype).weight; }

std::optional<std::uint64_t> storage_bytes(DType dtype, std::uint64_t elements) {
  if (elements % layout(dtype).elements != 0) return std::nullopt;
  return checked_multiply(elements / layout(dtype).elements, layout(dtype).bytes);
}

} // namespace intarsia
