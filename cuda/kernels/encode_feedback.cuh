// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Rounding with feedback (core/palette/feedback.h), 16 columns (a panel) after the other:
//   multiply_panel     what the errors so far, and the weights, do to the panel's columns of U
//   TCQ: aim_panel, encode_trellis, decode_trellis, settle_panel; NUQ and VQ: code_panel does it all
// Errors are kept, [rows, columns]; of U only the panel's columns are there.
#pragma once

#include "cuda/kernels/encode_rows.cuh"

namespace intarsia::kernels {

inline constexpr int panel_columns = 16, panel_threads = panel_columns * panel_columns;

// out[r][j] = sum_(i < depth) rows[r][i] factor[j][i] for the panel's `count` columns j; rows and columns of
// the factor `stride` apart, rows of out panel_columns. A block of panel_threads takes 16 rows.
INTARSIA_KERNEL void INTARSIA_LAUNCH_BOUNDS(panel_threads)
    multiply_panel(const float* rows, int row_count, const float* factor, int count, std::size_t stride,
                   int depth, float* out) {
  constexpr int slice = 64, gap = slice + 1;
  auto* left = simt::shared_memory<float>();
  float* right = left + panel_columns * gap;
  const int thread = int(simt::thread_index().x), my_row = thread / panel_columns,
            my_column = thread % panel_columns;
  const int first_row = int(simt::block_index().x) * panel_columns;
  float sum = 0;
  for (int first = 0; first < depth; first += slice) {
    for (int i = thread; i < panel_columns * slice; i += panel_threads) {
      const int line = i / slice, at = i % slice;
      const bool deep = first + at < depth;
      const std::size_t from = std::size_t(line) * stride + std::size_t(first + at);
      left[line * gap + at] =
          deep && first_row + line < row_count ? rows[std::size_t(first_row) * stride + from] : 0;
      right[line * gap + at] = deep && line < count ? factor[from] : 0;
    }
    simt::block_barrier();
    INTARSIA_UNROLL
    for (int i = 0; i < slice; ++i)
      sum = simt::fused_multiply_add(left[my_row * gap + i], right[my_column * gap + i], sum);
    simt::block_barrier();
  }
  if (first_row + my_row < row_count) out[(first_row + my_row) * panel_columns + my_column] = sum;
}

constexpr std::size_t multiply_panel_shared_bytes() { return sizeof(float) * 2 * panel_columns * 65; }

struct Panel {
  const float* unit; // weights [rows, columns]
  int rows, columns;
  int first, count;              // the panel's columns
  const float* factor;           // its columns of U, `columns` apart
  const float *feedback, *plain; // [rows, 16]: errors so far and weights, times these
  float* errors;                 // [rows, columns]
  RowFit *plain_fits, *fits;     // of each row, in the plain norm and in that of U
};

constexpr std::size_t panel_shared_bytes() { return sizeof(float) * panel_threads; }

// U's square on the diagonal, entry (i, j) at 16 j + i.
INTARSIA_DEVICE void load_square(const Panel& panel, float* square) {
  for (int i = int(simt::thread_index().x); i < panel_threads; i += int(simt::block_dim().x)) {
    const int row = i % panel_columns, column = i / panel_columns;
    if (row > column || column >= panel.count) continue; // never looked at
    square[i] =
        panel.factor[std::size_t(column) * std::size_t(panel.columns) + std::size_t(panel.first + row)];
  }
  simt::block_barrier();
}

// One row's numbers in a panel.
struct PanelRow {
  float weights[panel_columns], feedback[panel_columns], errors[panel_columns];

  INTARSIA_DEVICE void load(const Panel& panel, int row) {
    INTARSIA_UNROLL
    for (int j = 0; j < panel_columns; ++j) {
      const bool there = j < panel.count;
      weights[j] =
          there ? panel.unit[std::size_t(row) * std::size_t(panel.columns) + std::size_t(panel.first + j)]
                : 0;
      feedback[j] = there ? panel.feedback[row * panel_columns + j] : 0;
    }
  }
};

// Targets of columns [begin, begin + length) of the panel: y U_kk = f, f with what the panel's errors add.
template <int length>
INTARSIA_DEVICE void aim(const PanelRow& row, const float* square, int begin, int count,
                         float (&targets)[length]) {
  float y[length];
  INTARSIA_UNROLL
  for (int j = 0; j < length; ++j) {
    targets[j] = y[j] = 0;
    if (begin + j >= count) continue;
    const float* column = square + (begin + j) * panel_columns;
    float rest = row.feedback[begin + j];
    INTARSIA_UNROLL
    for (int i = 0; i < begin; ++i) rest += row.errors[i] * column[i];
    INTARSIA_UNROLL
    for (int i = 0; i < j; ++i) rest -= y[i] * column[begin + i];
    y[j] = rest / column[begin + j];
    targets[j] = row.weights[begin + j] + y[j];
  }
}

// Keeps the errors, and adds them to the row's fits.
INTARSIA_DEVICE void settle(const Panel& panel, int number, const PanelRow& row, const float* square) {
  RowFit plain_fit = panel.plain_fits[number], fit = panel.fits[number];
  INTARSIA_UNROLL // all sixteen, so that the row's numbers stay in registers
      for (int j = 0; j < panel_columns; ++j) {
    if (j >= panel.count) continue;
    panel.errors[std::size_t(number) * std::size_t(panel.columns) + std::size_t(panel.first + j)] =
        row.errors[j];
    const double unit = double(row.weights[j]), decoded = unit - double(row.errors[j]);
    plain_fit.ww += unit * unit;
    plain_fit.wq += unit * decoded;
    plain_fit.qq += decoded * decoded;
    double error = double(row.feedback[j]);
    INTARSIA_UNROLL
    for (int i = 0; i <= j; ++i) error += double(row.errors[i]) * double(square[j * panel_columns + i]);
    const double w = double(panel.plain[number * panel_columns + j]), q = w - error;
    fit.ww += w * w;
    fit.wq += w * q;
    fit.qq += q * q;
  }
  panel.plain_fits[number] = plain_fit;
  panel.fits[number] = fit;
}

// targets: [rows, 16]. A thread a row, here and below.
INTARSIA_KERNEL void aim_panel(Panel panel, float* targets) {
  auto* square = simt::shared_memory<float>();
  load_square(panel, square);
  const int number = int(first_element());
  if (number >= panel.rows) return;
  PanelRow row;
  row.load(panel, number);
  float aims[panel_columns];
  aim(row, square, 0, panel.count, aims);
  INTARSIA_UNROLL
  for (int j = 0; j < panel_columns; ++j) targets[number * panel_columns + j] = aims[j];
}

// decoded: [rows, 16], what the targets became.
INTARSIA_KERNEL void settle_panel(Panel panel, const float* decoded) {
  auto* square = simt::shared_memory<float>();
  load_square(panel, square);
  const int number = int(first_element());
  if (number >= panel.rows) return;
  PanelRow row;
  row.load(panel, number);
  INTARSIA_UNROLL
  for (int j = 0; j < panel_columns; ++j)
    row.errors[j] = j < panel.count ? row.weights[j] - decoded[number * panel_columns + j] : 0;
  settle(panel, number, row, square);
}

// codes: of the panel's first column in row 0; 16 columns take whole bytes.
template <typename Book>
INTARSIA_KERNEL void code_panel(Book book, Panel panel, std::uint8_t* codes, std::size_t row_bytes) {
  auto* square = simt::shared_memory<float>();
  load_square(panel, square);
  book.load(square + panel_threads);
  const int number = int(first_element());
  if (number >= panel.rows) return;
  PanelRow row;
  row.load(panel, number);
  CodePacker packer(codes + std::size_t(number) * row_bytes);
  INTARSIA_UNROLL
  for (int first = 0; first < panel_columns; first += Book::length) {
    if (first >= panel.count) continue;
    float targets[Book::length];
    unsigned code[1];
    aim(row, square, first, panel.count, targets);
    book.find(targets, code);
    packer.put(code[0], book.width);
    INTARSIA_UNROLL
    for (int j = 0; j < Book::length; ++j)
      if (first + j < panel.count)
        row.errors[first + j] =
            row.weights[first + j] - book.book[code[0] * unsigned(Book::length) + unsigned(j)];
  }
  packer.finish();
  settle(panel, number, row, square);
}

} // namespace intarsia::kernels
