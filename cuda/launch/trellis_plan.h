// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// How a group of TCQ linears becomes launches. Shared by the launches of cuda/launch/trellis_launch.cuh and
// the tests on the host.
#pragma once

#include <algorithm>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/palette/tcq_layout.h"
#include "cuda/kernels/trellis_linear.cuh"
#include "cuda/kernels/trellis_rows.cuh"
#include "cuda/launch/linear_layout.h"

namespace intarsia::cuda {

static_assert(max_fused == kernels::max_members);

// Steps of one rate within a panel.
struct TrellisPass {
  int quarters;
  std::size_t first_word;
  int first_step, steps;
};

// What one launch can add up: Half-TCQ has two rates, and very wide inputs go in parts.
inline std::vector<TrellisPass> trellis_passes(QuantizerId id, std::size_t d_in,
                                               int max_steps = kernels::max_trellis_steps) {
  const TcqLayout layout(id, {1, d_in});
  std::vector<TrellisPass> passes;
  const int steps = int(layout.blocks()), left = int(layout.left_blocks());
  for (int first = 0; first < steps;) {
    const int end = std::min(first < left ? left : steps, first + max_steps);
    passes.push_back({int(layout.quarters(std::size_t(first))), layout.offset(0, std::size_t(first)) / 4,
                      first, end - first});
    first = end;
  }
  return passes;
}

struct TrellisLaunch {
  kernels::TrellisGroup group;
  int quarters, eights; // of 8 columns of the product: 1, 2 or 4
  unsigned panels;      // grid.x; grid.y: group.slices
  int threads;
  std::size_t shared_bytes;
};

// Slices such that three blocks share each multiprocessor, of whole rounds of a block's eight warps.
inline void slice_columns(kernels::TrellisGroup& group, unsigned panels, int multiprocessors) {
  constexpr int round = kernels::trellis_threads / simt::warp_size;
  const bool may_split = panels <= unsigned(max_split_panels);
  const int wanted = may_split ? std::max(1, 3 * multiprocessors / int(panels)) : 1;
  const int steps = (group.steps + wanted - 1) / wanted;
  group.slice_steps = std::min(group.steps, (steps + round - 1) / round * round);
  group.slices = (group.steps + group.slice_steps - 1) / group.slice_steps;
}

// Blocks of activations in shared memory, and threads.
inline void size_blocks(TrellisLaunch& launch) {
  kernels::TrellisGroup& group = launch.group;
  const int columns = group.batch * group.x.terms;
  const int warps = std::min(group.slice_steps, kernels::trellis_threads / simt::warp_size);
  launch.eights = columns <= 8 ? 1 : columns <= 16 ? 2 : 4;
  launch.threads = warps * simt::warp_size;
  const auto chunk = launch.eights == 1   ? &kernels::trellis_chunk_steps<1>
                     : launch.eights == 2 ? &kernels::trellis_chunk_steps<2>
                                          : &kernels::trellis_chunk_steps<4>;
  const auto shared = launch.eights == 1   ? &kernels::trellis_shared_bytes<1>
                      : launch.eights == 2 ? &kernels::trellis_shared_bytes<2>
                                           : &kernels::trellis_shared_bytes<4>;
  group.chunk_steps = chunk(columns, warps);
  launch.shared_bytes = shared(columns, std::min(group.chunk_steps, group.slice_steps));
}

// The caller says what was checked: at most max_fused linears alike.
inline std::vector<TrellisLaunch> plan_trellis(std::span<const DeviceLinear> linears, const Int8Rows& x,
                                               int batch, std::span<const LinearOutput> outputs,
                                               const LinearScratch& scratch, int multiprocessors) {
  const QuantizerId id = linears[0].quantizer;
  const auto d_in = std::size_t(linears[0].d_in);
  TrellisLaunch launch{};
  kernels::TrellisGroup& group = launch.group;
  int end = 0;
  for (std::size_t i = 0; i < linears.size(); ++i) {
    end += int(trellis::panels(std::size_t(linears[i].d_out)));
    group.members[i] = {static_cast<const kernels::Byte*>(linears[i].codes),
                        linears[i].row_scales,
                        outputs[i].y,
                        outputs[i].stride,
                        linears[i].d_out,
                        end};
  }
  launch.panels = unsigned(end);
  group.x = x;
  group.batch = batch;
  group.panel_words = TcqLayout(id, {1, d_in}).panel_bytes() / 4;
  group.sums = scratch.sums;
  group.arrived = scratch.arrived;
  std::vector<TrellisLaunch> launches;
  for (const TrellisPass& pass : trellis_passes(id, d_in)) {
    launch.quarters = pass.quarters;
    group.first_word = pass.first_word;
    group.first_step = pass.first_step;
    group.steps = pass.steps;
    group.unit = trellis::scale(unsigned(pass.quarters));
    group.add = !launches.empty();
    slice_columns(group, launch.panels, multiprocessors);
    size_blocks(launch);
    launches.push_back(launch);
  }
  return launches;
}

// Calls visit.operator()<quarters>().
template <typename Visitor>
void with_trellis_rate(int quarters, const Visitor& visit) {
  const auto try_rates = [&]<int... above>(std::integer_sequence<int, above...>) {
    constexpr int least = int(trellis::min_quarters);
    return ((quarters == least + above && (visit.template operator()<least + above>(), true)) || ...);
  };
  if (!try_rates(std::make_integer_sequence<int, int(trellis::max_quarters - trellis::min_quarters) + 1>()))
    throw std::invalid_argument("there is no trellis of this rate");
}

// A linear's steps of one rate, and the blocks that decode rows [first, first + count) of them.
inline kernels::TrellisMatrix trellis_matrix(const DeviceLinear& linear, const TrellisPass& pass) {
  const TcqLayout layout(linear.quantizer, {1, std::size_t(linear.d_in)});
  return {static_cast<const std::uint32_t*>(linear.codes),
          linear.row_scales,
          layout.panel_bytes() / 4,
          pass.first_word,
          pass.first_step,
          pass.steps,
          linear.d_out,
          linear.d_in,
          trellis::scale(unsigned(pass.quarters))};
}
inline unsigned trellis_rows_blocks(const kernels::TrellisMatrix& matrix, int first, int count, int threads,
                                    int most) {
  constexpr int panel = int(trellis::panel_rows);
  const auto tasks = std::int64_t((first + count - 1) / panel + 1 - first / panel) * matrix.steps;
  const std::int64_t warps = threads / simt::warp_size;
  return unsigned(std::min<std::int64_t>((tasks + warps - 1) / warps, most));
}

} // namespace intarsia::cuda
