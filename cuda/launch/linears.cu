// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/launch/linears.h"

#include "cuda/kernels/quantize_rows.cuh"
#include "cuda/launch/linear_plan.h"
#include "cuda/launch/start.cuh"
#include "cuda/launch/trellis_launch.h"

namespace intarsia::cuda {
namespace {

using namespace intarsia::kernels;

int multiprocessors() {
  int device = 0, count = 0;
  check(cudaGetDevice(&device), "asking for the current device");
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device),
        "counting the device's multiprocessors");
  return count;
}

void refuse_unlike(std::span<const DeviceLinear> group, std::span<const LinearOutput> outputs, int batch,
                   KernelPath path) {
  if (group.empty() || group.size() > max_fused || outputs.size() != group.size())
    throw std::invalid_argument("a fused group has 1 to 8 linears and an output for each");
  for (const DeviceLinear& linear : group)
    if (linear.quantizer != group[0].quantizer || linear.d_in != group[0].d_in)
      throw std::invalid_argument("the linears of a fused group have one quantizer and one input");
  if (!supports(group[0].quantizer, path, batch))
    throw std::invalid_argument("there is no kernel for this quantizer, path and batch");
}

template <int eights>
void launch_f16(const LinearLaunch& launch, cudaStream_t stream) {
  start("multiplying f16 linears", &f16_linear_group<eights>, dim3(launch.blocks), f16_threads,
        sums_bytes<1, TensorProduct<eights>>(f16_threads), stream, launch.group);
}

DecodedLinear decoded(const DeviceLinear& linear) {
  return {static_cast<const Byte*>(linear.codes),
          linear.row_scales,
          linear.codebook,
          tile_row(linear.quantizer, std::size_t(linear.d_in)),
          linear.d_out,
          linear.d_in};
}

} // namespace

void launch_linear_group(std::span<const DeviceLinear> group, const LinearInput& input, int batch,
                         std::span<const LinearOutput> outputs, KernelPath path, const LinearScratch& scratch,
                         cudaStream_t stream) {
  refuse_unlike(group, outputs, batch, path);
  const QuantizerId id = group[0].quantizer;
  if (is_trellis(id)) {
    for (const TrellisLaunch& launch :
         plan_trellis(group, input.int8, batch, outputs, scratch, multiprocessors()))
      with_trellis_rate(launch.quarters,
                        [&]<int quarters>() { start_trellis_group<quarters>(launch, stream); });
    return;
  }
  const int tiles_high = choose_height(group, path, multiprocessors());
  LinearLaunch launch = plan_group(group, input.x, batch, outputs, tiles_high);
  if (id.family == QuantizerFamily::f16) {
    if (batch <= 8)
      launch_f16<1>(launch, stream);
    else
      launch_f16<2>(launch, stream);
    return;
  }
  with_linear_kernel(id, path, batch, tiles_high, [&]<typename Decoder, int height, typename Product>() {
    choose_threads<Decoder, height, Product>(launch);
    const auto columns = unsigned(Product::columns);
    start("multiplying quantized linears", &linear_group<Decoder, height, Product>,
          dim3(launch.blocks, (unsigned(batch) + columns - 1) / columns), launch.threads,
          linear_shared_bytes<Decoder, height, Product>(launch.group.row.quarters, launch.threads), stream,
          launch.group);
  });
}

void launch_quantize_rows(const Half* x, int rows, int d_in, const Int8Rows& to, cudaStream_t stream) {
  start("quantizing activations", &quantize_rows, dim3(unsigned(rows)), 256, quantize_shared_bytes(), stream,
        x, d_in, to);
}

void launch_decode_rows(const DeviceLinear& linear, int first, int count, Half* out, std::size_t stride,
                        cudaStream_t stream) {
  if (count <= 0) return;
  if (linear.quantizer.family == QuantizerFamily::f16) {
    const std::size_t pitch = f16_stride(std::size_t(linear.d_in));
    check(cudaMemcpy2DAsync(out, stride * sizeof(Half),
                            static_cast<const Half*>(linear.codes) + std::size_t(first) * pitch,
                            pitch * sizeof(Half), std::size_t(linear.d_in) * sizeof(Half), std::size_t(count),
                            cudaMemcpyDeviceToDevice, stream),
          "copying rows of an f16 linear");
    return;
  }
  if (is_trellis(linear.quantizer)) {
    for (const TrellisPass& pass : trellis_passes(linear.quantizer, std::size_t(linear.d_in)))
      with_trellis_rate(pass.quarters, [&]<int quarters>() {
        start_trellis_rows<quarters>(trellis_matrix(linear, pass), first, count, multiprocessors(), out,
                                     stride, stream);
      });
    return;
  }
  const DecodedLinear what = decoded(linear);
  with_decoder<true>(linear.quantizer, [&]<typename Decoder>() {
    constexpr int threads = 512;
    const dim3 grid(decode_blocks(what, first, count, threads, 2 * multiprocessors()));
    start("decoding a linear", &decode_linear<Decoder>, grid, threads,
          Decoder::table_bytes(what.row.quarters), stream, what, first, count, out, stride);
  });
}

} // namespace intarsia::cuda
