// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/ggml_type.h"

#include <map>

namespace intarsia {

std::optional<GgmlType> ggml_type(std::uint32_t number) {
  using D = DType;
  static const std::map<std::uint32_t, GgmlType> types{{0, {"F32", D::f32}},
                                                       {1, {"F16", D::f16}},
                                                       {2, {"Q4_0", D::q4_0}},
                                                       {3, {"Q4_1", D::q4_1}},
                                                       {4, {"Q4_2", {}}},
                                                       {5, {"Q4_3", {}}},
                                                       {6, {"Q5_0", D::q5_0}},
                                                       {7, {"Q5_1", D::q5_1}},
                                                       {8, {"Q8_0", D::q8_0}},
                                                       {9, {"Q8_1", {}}},
                                                       {10, {"Q2_K", D::q2_k}},
                                                       {11, {"Q3_K", D::q3_k}},
                                                       {12, {"Q4_K", D::q4_k}},
                                                       {13, {"Q5_K", D::q5_k}},
                                                       {14, {"Q6_K", D::q6_k}},
                                                       {15, {"Q8_K", D::q8_k}},
                                                       {16, {"IQ2_XXS", D::iq2_xxs}},
                                                       {17, {"IQ2_XS", D::iq2_xs}},
                                                       {18, {"IQ3_XXS", D::iq3_xxs}},
                                                       {19, {"IQ1_S", D::iq1_s}},
                                                       {20, {"IQ4_NL", D::iq4_nl}},
                                                       {21, {"IQ3_S", D::iq3_s}},
                                                       {22, {"IQ2_S", D::iq2_s}},
                                                       {23, {"IQ4_XS", D::iq4_xs}},
                                                       {24, {"I8", D::i8}},
                                                       {25, {"I16", D::i16}},
                                                       {26, {"I32", D::i32}},
                                                       {27, {"I64", D::i64}},
                                                       {28, {"F64", D::f64}},
                                                       {29, {"IQ1_M", D::iq1_m}},
                                                       {30, {"BF16", D::bf16}},
                                                       {31, {"Q4_0_4_4", {}}},
                                                       {32, {"Q4_0_4_8", {}}},
                                                       {33, {"Q4_0_8_8", {}}},
                                                       {34, {"TQ1_0", D::tq1_0}},
                                                       {35, {"TQ2_0", D::tq2_0}},
                                                       {36, {"IQ4_NL_4_4", {}}},
                                                       {37, {"IQ4_NL_4_8", {}}},
                                                       {38, {"IQ4_NL_8_8", {}}},
                                                       {39, {"MXFP4", D::mxfp4}},
                                                       {40, {"NVFP4", D::nvfp4}},
                                                       {41, {"Q1_0", {}}}};
  const auto found = types.find(number);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

} // namespace intarsia
