// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/cpu_kernels/trellis_product.h"

#include <algorithm>
#include <array>

#include "core/palette/tcq_layout.h"
#include "core/palette/trellis_code.h"
#include "core/runtime/cpu_kernels/cpu_features.h"
#include "core/runtime/cpu_kernels/panel_product.h"
#include "core/runtime/cpu_kernels/trellis_dot.h"
#include "core/runtime/cpu_kernels/trellis_vnni.h"
#include "core/tensor/kernels.h"

namespace intarsia::cpu_kernels {
namespace {

constexpr std::size_t blocks_decoded = 16; // of a panel at once: 128 KiB of int16, which stay in the L2 cache
constexpr std::size_t inputs_together = 96; // whose sums are held at once
// Beyond, sums of int16 weights (510 at most) and int8 activations might not fit 32 bits.
constexpr std::size_t max_panel_columns = 32'768;

using RowSums = std::array<std::int32_t, trellis::panel_rows>;
using RowValues = std::array<float, trellis::panel_rows>;

// calls use(first block, blocks, rate) for the runs of one rate, none longer than `most` blocks.
template <class Use>
void for_runs(const TcqLayout& layout, std::size_t most, const Use& use) {
  for (std::size_t first = 0; first < layout.blocks();) {
    const std::size_t end = first < layout.left_blocks() ? layout.left_blocks() : layout.blocks();
    const std::size_t count = std::min(most, end - first);
    use(first, count, layout.quarters(first));
    first += count;
  }
}

// y[input][row] of one panel, in standard deviations of the row, summed over a token's terms.
void finish(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, std::size_t first_input,
            std::span<const RowValues> values, const Output& out) {
  RowValues row_scales;
  kernels::half_to_float(layer.row_scales.data() + rows.first, row_scales.data(), rows.count);
  for (std::size_t i = 0; i < values.size(); i += out.terms) {
    float* y = &out.at((first_input + i) / out.terms, rows.first);
    std::fill_n(y, rows.count, 0.0f);
    for (std::size_t term = 0; term < out.terms; ++term)
      for (std::size_t row = 0; row < rows.count; ++row)
        y[row] += x.scales[first_input + i + term] * values[i + term][row];
    for (std::size_t row = 0; row < rows.count; ++row) y[row] *= row_scales[row];
  }
}

void multiply_few(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, const Output& out) {
  const TcqLayout layout(layer.quantizer, layer.shape);
  const std::size_t copies = activation_copies();
  std::int32_t sums[max_fused_inputs][trellis::panel_rows];
  std::array<RowValues, max_fused_inputs> values{};
  const std::int8_t* inputs[max_fused_inputs];
  for (std::size_t i = 0; i < x.inputs; ++i) inputs[i] = x.expanded.data() + i * x.columns * copies;
  for_runs(layout, max_exact_blocks, [&](std::size_t first, std::size_t count, unsigned quarters) {
    const std::byte* codes = layer.codes.data() + layout.offset(rows.first / trellis::panel_rows, first);
    trellis_dot({codes, quarters, count, first * trellis::block_columns}, inputs, x.inputs, sums);
    for (std::size_t i = 0; i < x.inputs; ++i) {
      const std::int32_t less = trellis::offset * x.sum(i, first, count);
      for (std::size_t row = 0; row < trellis::panel_rows; ++row)
        values[i][row] += trellis::scale(quarters) * float(sums[i][row] - less);
    }
  });
  finish(layer, rows, x, 0, std::span<const RowValues>(values).first(x.inputs), out);
}

#if INTARSIA_HAVE_VNNI_CODE

struct Scratch {
  std::vector<std::int16_t> panel =
      std::vector<std::int16_t>(blocks_decoded * trellis::block_columns * trellis::panel_rows);
  std::vector<RowSums> sums = std::vector<RowSums>(inputs_together);
  std::vector<RowValues> values = std::vector<RowValues>(inputs_together);
};

void add_values(std::span<RowSums> sums, float scale, std::span<RowValues> values) {
  for (std::size_t i = 0; i < sums.size(); ++i)
    for (unsigned n = 0; n < trellis::panel_rows; ++n) {
      values[i][panel_row(n)] += scale * float(sums[i][n]);
      sums[i][n] = 0;
    }
}

// The panel is decoded again for every 96 inputs, which is little beside their products.
void multiply_many(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, const Output& out) {
  thread_local Scratch scratch;
  const TcqLayout layout(layer.quantizer, layer.shape);
  for (std::size_t first_input = 0; first_input < x.inputs; first_input += inputs_together) {
    const std::size_t count = std::min(inputs_together, x.inputs - first_input);
    const auto sums = std::span(scratch.sums).first(count);
    const auto values = std::span(scratch.values).first(count);
    for (RowSums& sum : sums) sum.fill(0);
    for (RowValues& value : values) value.fill(0);
    std::size_t columns = 0; // in the sums
    unsigned rate = layout.left_quarters();
    for_runs(layout, blocks_decoded, [&](std::size_t first, std::size_t blocks, unsigned quarters) {
      if (quarters != rate || columns + blocks * trellis::block_columns > max_panel_columns) {
        add_values(sums, trellis::scale(rate), values);
        columns = 0;
        rate = quarters;
      }
      columns += blocks * trellis::block_columns;
      const std::byte* codes = layer.codes.data() + layout.offset(rows.first / trellis::panel_rows, first);
      vnni::trellis_panel({codes, quarters, blocks, 0}, scratch.panel.data());
      vnni::panel_product(scratch.panel.data(), blocks * trellis::block_columns / 2,
                          x.pairs.data() + first_input * x.columns + first * trellis::block_columns,
                          x.columns, count,
                          reinterpret_cast<std::int32_t(*)[trellis::panel_rows]>(sums.data()));
    });
    add_values(sums, trellis::scale(rate), values);
    finish(layer, rows, x, first_input, values, out);
  }
}
#endif

} // namespace

bool multiplies_trellis(std::size_t inputs) { return inputs <= max_fused_inputs || has_vnni(); }

void multiply_trellis(const QuantizedLinear& layer, Rows rows, const Int8Activation& x, const Output& out) {
  if (x.inputs <= max_fused_inputs) return multiply_few(layer, rows, x, out);
#if INTARSIA_HAVE_VNNI_CODE
  multiply_many(layer, rows, x, out);
#endif
}

std::size_t trellis_scratch_bytes() {
  return has_vnni() ? blocks_decoded * trellis::block_columns * trellis::panel_rows * sizeof(std::int16_t) +
                          inputs_together * (sizeof(RowSums) + sizeof(RowValues))
                    : 0;
}

} // namespace intarsia::cpu_kernels
