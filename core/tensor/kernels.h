// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The CPU's inner loops, dispatched at run time to the best instruction set (Highway). Each result is a sum
// in an order of its own that does not depend on how the work around it was cut.
#pragma once

#include <cstddef>
#include <cstdint>

namespace intarsia::kernels {

// Row-major rows, `stride` floats from one to the next.
struct RowsView {
  const float* data;
  std::size_t stride, count;
};
// y[t * y_stride + r] = sum_(i < n) w[r][i] * x[t][i] for r < w.count, t < x.count.
void multiply_rows(RowsView w, RowsView x, std::size_t n, float* y, std::size_t y_stride);

// Row-major rows of binary16, `stride` values from one to the next.
struct HalfRows {
  const std::uint16_t* data;
  std::size_t stride, count;
};
// y[r] = sum_(i < n) half(w[r][i]) * x[i] for r < w.count: one token, bound by reading w.
void multiply_half_rows(HalfRows w, const float* x, std::size_t n, float* y);

// sum_i half(a[i]) * b[i], a in binary16.
float dot_half(const std::uint16_t* a, const float* b, std::size_t n);
float dot(const float* a, const float* b, std::size_t n);

// y[i] += scale * x[i].
void add_scaled_half(float scale, const std::uint16_t* x, float* y, std::size_t n);
void add_scaled(float scale, const float* x, float* y, std::size_t n);

void half_to_float(const std::uint16_t* from, float* to, std::size_t n);

const char* instruction_set(); // "AVX3", "AVX2", … as Highway names it

} // namespace intarsia::kernels
