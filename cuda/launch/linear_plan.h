// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Which instance of the kernels computes a group of f16, NUQ or VQ linears, and what it is given. Shared by
// the launches of cuda/launch/linears.cu and the tests on the host.
#pragma once

#include <algorithm>
#include <span>
#include <stdexcept>

#include "cuda/kernels/decode_linear.cuh"
#include "cuda/kernels/linear.cuh"
#include "cuda/kernels/linear_f16.cuh"
#include "cuda/launch/linear_layout.h"

namespace intarsia::cuda {

static_assert(max_fused == kernels::max_members);

struct LinearLaunch {
  kernels::LinearGroup group;
  unsigned blocks; // of y: grid.y
  int threads;
};

// Rows of tiles a block computes. Two read the activations half as often, but there must be enough blocks
// that the last ones do not leave much of the device idle.
inline int choose_height(std::span<const DeviceLinear> group, KernelPath path, int multiprocessors) {
  constexpr int blocks_each = 4;
  if (path == KernelPath::cuda_core || group[0].quantizer.family == QuantizerFamily::f16) return 1;
  int blocks = 0;
  for (const DeviceLinear& linear : group) blocks += (linear.d_out + 31) / 32;
  return blocks >= blocks_each * multiprocessors ? 2 : 1;
}

// Blocks compute 16 tiles_high rows. The caller says what was checked: at most max_fused linears alike.
inline LinearLaunch plan_group(std::span<const DeviceLinear> linears, const Half* x, int batch,
                               std::span<const LinearOutput> outputs, int tiles_high) {
  LinearLaunch launch{};
  kernels::LinearGroup& group = launch.group;
  const QuantizerId id = linears[0].quantizer;
  int end = 0;
  for (std::size_t i = 0; i < linears.size(); ++i) {
    const int rows = 16 * tiles_high;
    end += (linears[i].d_out + rows - 1) / rows;
    group.members[i] = {static_cast<const kernels::Byte*>(linears[i].codes),
                        linears[i].row_scales,
                        outputs[i].y,
                        outputs[i].stride,
                        linears[i].d_out,
                        end};
  }
  if (id.family != QuantizerFamily::f16) group.row = tile_row(id, std::size_t(linears[0].d_in));
  group.d_in = linears[0].d_in;
  group.batch = batch;
  group.x = x;
  group.codebook = linears[0].codebook;
  launch.blocks = unsigned(end);
  return launch;
}

// Warps that share a block's rows: as many as there is room and work for.
template <typename Decoder, int tiles_high, typename Product>
void choose_threads(LinearLaunch& launch) {
  const TileRow& row = launch.group.row;
  const int chunks = kernels::chunk_count(row);
  launch.threads = kernels::linear_threads<tiles_high, Product>;
  while (launch.threads > simt::warp_size && (kernels::linear_shared_bytes<Decoder, tiles_high, Product>(
                                                  row.quarters, launch.threads) > simt::shared_memory_limit ||
                                              launch.threads / 2 >= chunks * simt::warp_size))
    launch.threads /= 2;
  launch.group.table_bytes = unsigned(Decoder::table_bytes(row.quarters));
}

// Calls visit.operator()<Decoder>() with what reads the codes of `id`: NUQ's as pairs up to 4 bits, where
// each lane has a table of its own. Beyond they are read one by one, and at all rates if `exact`: levels are
// not to be rounded to binary16 before they are scaled.
template <bool exact, typename Visitor>
void with_decoder(QuantizerId id, const Visitor& visit) {
  using namespace kernels;
  switch (id.family) {
  case QuantizerFamily::vq:
    return visit.template operator()<PairDecoder<false>>();
  case QuantizerFamily::nuq:
    if constexpr (!exact)
      if (id.quarter_bits <= 16) return visit.template operator()<PairDecoder<true>>();
    return visit.template operator()<LevelDecoder>();
  default:
    throw std::invalid_argument("neither f16 nor a trellis has a codebook");
  }
}

// Blocks that decode rows [first, first + count): no more than there is work for.
inline unsigned decode_blocks(const kernels::DecodedLinear& linear, int first, int count, int threads,
                              int most) {
  const int chunks = kernels::chunk_count(linear.row);
  const auto tasks = std::int64_t((first + count + 15) / 16 - first / 16) * chunks;
  const std::int64_t warps = threads / simt::warp_size;
  return unsigned(std::min<std::int64_t>((tasks + warps - 1) / warps, most));
}

// Calls visit.operator()<Decoder, tiles_high, Product>().
template <typename Visitor>
void with_linear_kernel(QuantizerId id, KernelPath path, int batch, int tiles_high, const Visitor& visit) {
  using namespace kernels;
  with_decoder<false>(id, [&]<typename Decoder>() {
    if (path == KernelPath::cuda_core) {
      if (batch == 1) return visit.template operator()<Decoder, 1, PlainProduct<1>>();
      return visit.template operator()<Decoder, 1, PlainProduct<2>>();
    }
    const auto with_height = [&]<int high>() {
      if (batch <= 8) return visit.template operator()<Decoder, high, TensorProduct<1>>();
      return visit.template operator()<Decoder, high, TensorProduct<2>>();
    };
    return tiles_high == 2 ? with_height.template operator()<2>() : with_height.template operator()<1>();
  });
}

} // namespace intarsia::cuda
