// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Products with dense f32 matrices that live in host memory, by cuBLAS: each passes over the bus once or
// twice, so they pay for many tokens at once.
#pragma once

#include "core/runtime/dense_products.h"
#include "cuda/launch/linears.h"
#include "cuda/memory/stream.h"

namespace intarsia::cuda {

class CudaProducts : public DenseProducts {
 public:
  // Both must outlive it. Every product takes at most 192 MiB of the device's memory, and gives it back.
  CudaProducts(int device, const Gemm& gemm, const Stream& stream)
      : device_(device)
      , gemm_(gemm)
      , stream_(stream) {}

  void multiply(const DenseLinear& w, std::span<const float> x, std::size_t tokens, std::span<float> y,
                const JobControl& control) const override;
  void multiply_transposed(const DenseLinear& w, std::span<const float> y, std::size_t tokens,
                           std::span<float> x, const JobControl& control) const override;

 private:
  template <typename Body>
  void in_tiles(const DenseLinear& w, std::size_t tokens, const JobControl& control, const Body& body) const;

  const int device_;
  const Gemm& gemm_;
  const Stream& stream_;
};

} // namespace intarsia::cuda
