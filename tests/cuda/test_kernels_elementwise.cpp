// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <limits>

#include "cuda/kernels/elementwise.cuh"
#include "tests/cuda/kernel_test.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

template <typename Out>
bool swiglu_agrees(std::size_t rows, std::size_t width, std::size_t stride, unsigned blocks) {
  std::vector<float> x = gaussian(2 * rows * stride, width);
  x[0] = -200; // e^200 overflows
  Buffer<float> in(x);
  Buffer<Out> out(rows * width);
  const float* up = in.data() + rows * stride;
  std::vector<float> expected(out.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::size_t place = i / width * stride + i % width;
    expected[i] = in[place] / (1 + std::exp(-in[place])) * up[place];
  }
  launch_checked(&kernels::swiglu<Out>, {blocks}, 64, 0, {written(out)}, in.data(), up, stride, int(width),
                 out.size(), out.data());
  return close(out, expected);
}

template <typename Table>
bool gather_agrees(const std::vector<Table>& table, std::size_t width, const std::vector<int>& tokens) {
  Buffer<Table> rows(table, "the table");
  Buffer<int> wanted(tokens);
  Buffer<float> out(tokens.size() * width);
  std::vector<float> expected;
  for (const int token : tokens)
    for (std::size_t i = 0; i < width; ++i)
      expected.push_back(value_of(table[std::size_t(token) * width + i]));
  launch_checked(&kernels::gather_rows<Table>, {2}, 32, 0, {written(out)}, rows.data(), table.size() / width,
                 wanted.data(), int(width), out.size(), out.data());
  return close(out, expected, 0);
}

} // namespace

class TestKernelsElementwise : public QObject {
  Q_OBJECT
 private slots:
  void swiglu_with_and_without_strides() {
    QVERIFY(swiglu_agrees<float>(1, 1, 1, 1));
    QVERIFY(swiglu_agrees<float>(3, 37, 37, 2));
    QVERIFY(swiglu_agrees<float>(3, 37, 90, 1));
    QVERIFY(swiglu_agrees<std::uint16_t>(2, 129, 130, 7));
  }

  // Gates of large activations exceed binary16 where no rotation spreads them.
  void halves_stay_finite_and_show_damage() {
    const float infinity = std::numeric_limits<float>::infinity(),
                nan = std::numeric_limits<float>::quiet_NaN();
    Buffer<float> in({400, 400, 65504, 1, 1, 1, 300, -300, 1, infinity, nan, 65519});
    Buffer<std::uint16_t> out(6);
    launch_checked(&kernels::swiglu<std::uint16_t>, {1}, 32, 0, {written(out)}, in.data(), in.data() + 6,
                   std::size_t(6), 6, std::size_t(6), out.data());
    QCOMPARE(half_to_float(out[0]), 65504.f);
    QCOMPARE(half_to_float(out[1]), -65504.f);
    QCOMPARE(half_to_float(out[2]), 65504.f);
    QCOMPARE(half_to_float(out[3]), infinity);
    QVERIFY(std::isnan(half_to_float(out[4])));
    QVERIFY(half_to_float(out[5]) < 65504.f);
  }

  void the_residual_grows() {
    const std::vector<float> x = gaussian(333, 1), before = gaussian(333, 2);
    std::vector<float> expected(x);
    for (std::size_t i = 0; i < x.size(); ++i) expected[i] += before[i];
    Buffer<float> in(x), residual(before);
    launch_checked(&kernels::add_residual, {3}, 64, 0, {updated(residual)}, in.data(), in.size(),
                   residual.data());
    QVERIFY(close(residual, expected, 0));
  }

  void a_bias_is_added_to_every_row() {
    const std::vector<float> before = gaussian(3 * 50, 5), bias = gaussian(37, 6);
    std::vector<float> expected(before);
    for (std::size_t t = 0; t < 3; ++t)
      for (std::size_t i = 0; i < 37; ++i) expected[t * 50 + i] += bias[i];
    Buffer<float> in(bias), y(before);
    launch_checked(&kernels::add_bias, {2}, 32, 0, {updated(y)}, in.data(), 37, std::size_t(3 * 37), y.data(),
                   std::size_t(50));
    QVERIFY(close(y, expected, 0));
  }

  void signs_are_flipped() {
    const std::vector<float> before = gaussian(3 * 19, 7);
    const std::vector<std::uint8_t> signs{0x81, 0x3C, 0x05};
    std::vector<float> expected(before);
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (signs[i % 19 / 8] >> (i % 19 % 8) & 1) expected[i] = -expected[i];
    Buffer<std::uint8_t> bits(signs);
    Buffer<float> x(before);
    launch_checked(&kernels::flip_signs, {1}, 64, 0, {updated(x)}, bits.data(), 19, x.size(), x.data());
    QVERIFY(close(x, expected, 0));
  }

  void rows_are_gathered() {
    const std::vector<float> table = gaussian(11 * 19, 3);
    QVERIFY(gather_agrees(table, 19, {0, 10, 3, 3}));
    QVERIFY(gather_agrees(to_halves(table), 19, {10}));
    QVERIFY(gather_agrees(table, 1, {208, 0, 17}));
  }

  void a_token_outside_the_table_reads_nothing() {
    Buffer<float> table(gaussian(12, 4)), out(8);
    Buffer<int> tokens(std::vector<int>{3, -1});
    launch_checked(&kernels::gather_rows<float>, {1}, 32, 0, {written(out)}, table.data(), std::size_t(3),
                   tokens.data(), 4, out.size(), out.data());
    for (const float value : out) QVERIFY(std::isnan(value));
  }
};

QTEST_APPLESS_MAIN(TestKernelsElementwise)
#include "test_kernels_elementwise.moc"
