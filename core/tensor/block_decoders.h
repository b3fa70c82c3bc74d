// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// One block of a GGUF type to f32: `block` holds block_bytes(), `out` takes block_elements() of the type.
// Layouts are ggml's (ggml-common.h), values those of dequantize_row_* in ggml-quants.c, rounding included.
#pragma once

#include <cstdint>

namespace intarsia::block_decoders {

// Codebooks of 4 or 8 values a code; iq_blocks.cpp.
void iq1_s(const std::uint8_t* block, float* out);
void iq1_m(const std::uint8_t* block, float* out);
void iq2_xxs(const std::uint8_t* block, float* out);
void iq2_xs(const std::uint8_t* block, float* out);
void iq2_s(const std::uint8_t* block, float* out);
void iq3_xxs(const std::uint8_t* block, float* out);
void iq3_s(const std::uint8_t* block, float* out);

// One value a code; scalar_blocks.cpp.
void iq4_nl(const std::uint8_t* block, float* out);
void iq4_xs(const std::uint8_t* block, float* out);
void q8_k(const std::uint8_t* block, float* out);
void tq1_0(const std::uint8_t* block, float* out);
void tq2_0(const std::uint8_t* block, float* out);
void mxfp4(const std::uint8_t* block, float* out);
void nvfp4(const std::uint8_t* block, float* out);

} // namespace intarsia::block_decoders
