// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/hadamard.h"
#include "core/palette/rotation.h"
#include "cuda/kernels/rotation.cuh"
#include "tests/cuda/kernel_test.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

constexpr float epsilon = 1e-5f;
constexpr unsigned rows = 2;

// A rotation's factors with 2^`moved` moved from the fast transform to the dense matrix.
struct DeviceRotation {
  DeviceRotation(const Rotation& rotation, std::size_t moved)
      : shape{int(rotation.blocks()), int(rotation.order() << moved), int(rotation.power() >> moved)}
      , signs(rotation.signs(), "the signs")
      , hadamard(hadamard_signs(rotation.order(), std::size_t(1) << moved), "the Hadamard matrix") {}

  kernels::RotationShape shape;
  Buffer<std::uint8_t> signs;
  Buffer<std::uint32_t> hadamard;
};

template <typename Out, typename Input>
bool agrees(const Rotation& rotation, std::size_t moved, unsigned threads, const Input& input,
            std::vector<float> plain) {
  const DeviceRotation device(rotation, moved);
  const auto& shape = device.shape;
  rotation.apply_rows(plain);
  Buffer<Out> out(plain.size());
  const float scale = float(1 / std::sqrt(double(shape.order) * double(shape.power)));
  launch_checked(&kernels::rotate_rows<Input, Out>, {unsigned(shape.blocks * shape.order), rows}, threads,
                 kernels::rotation_shared_bytes(shape.power), {written(out)}, input, device.signs.data(),
                 shape.order > 1 ? device.hadamard.data() : nullptr, shape, scale, out.data());
  return close(out, plain);
}

template <typename Out>
bool agrees_plain(std::size_t dimension, std::size_t moved, unsigned threads) {
  const Rotation rotation(dimension, dimension);
  const std::vector<float> x = gaussian(rows * dimension, 1);
  Buffer<float> in(x);
  return agrees<Out>(rotation, moved, threads, kernels::PlainInput{in.data(), dimension}, x);
}

} // namespace

class TestKernelsRotation : public QObject {
  Q_OBJECT
 private slots:
  void every_kind_of_dimension_data() {
    QTest::addColumn<int>("dimension");
    // Powers of two, K x 2^n, K alone, and dimensions that only a block-diagonal rotation fits.
    for (const int dimension :
         {1, 2, 4, 8, 16, 64, 512, 12, 20, 24, 28, 36, 40, 96, 112, 576, 896, 3, 7, 30, 60, 184})
      QTest::newRow(qPrintable(QString::number(dimension))) << dimension;
  }
  void every_kind_of_dimension() {
    QFETCH(int, dimension);
    for (const unsigned threads : {32u, 96u}) {
      QVERIFY(agrees_plain<float>(std::size_t(dimension), 0, threads));
      QVERIFY(agrees_plain<std::uint16_t>(std::size_t(dimension), 0, threads));
    }
  }

  void the_fast_transform_can_be_spread_over_blocks() {
    QVERIFY(agrees_plain<float>(64, 2, 32));
    QVERIFY(agrees_plain<float>(512, 3, 64));
    QVERIFY(agrees_plain<float>(512, 6, 64)); // a matrix of two words a row
    QVERIFY(agrees_plain<float>(896, 2, 64));
    QVERIFY(agrees_plain<float>(112, 2, 32)); // 28 x 4 moved to 112 x 1
  }

  void the_norm_is_folded_in() {
    for (const std::size_t dimension : {64u, 96u, 30u, 576u}) {
      const std::size_t stride = dimension + 3;
      const Rotation rotation(dimension, 5);
      std::vector<float> x = gaussian(rows * stride, 2), normed(rows * dimension);
      const std::vector<float> gain = gaussian(dimension, 3);
      for (std::size_t row = 0; row < rows; ++row) {
        double sum = 0;
        for (std::size_t i = 0; i < dimension; ++i)
          sum += double(x[row * stride + i]) * double(x[row * stride + i]);
        const double scale = 1 / std::sqrt(sum / double(dimension) + double(epsilon));
        for (std::size_t i = 0; i < dimension; ++i)
          normed[row * dimension + i] = float(double(x[row * stride + i]) * scale) * gain[i];
      }
      Buffer<float> in(x), gains(gain);
      const kernels::NormedInput input{in.data(), stride, gains.data(), epsilon};
      QVERIFY(agrees<float>(rotation, 0, 64, input, normed));
      QVERIFY(agrees<std::uint16_t>(rotation, 0, 32, input, normed));
    }
  }

  void the_gate_is_folded_in() {
    for (const std::size_t dimension : {64u, 40u, 112u}) {
      const std::size_t stride = 2 * dimension; // gate and up side by side
      const Rotation rotation(dimension, 5);
      const std::vector<float> x = gaussian(rows * stride, 4);
      std::vector<float> gated(rows * dimension);
      for (std::size_t i = 0; i < gated.size(); ++i) {
        const std::size_t gate = i / dimension * stride + i % dimension;
        gated[i] = x[gate] / (1 + std::exp(-x[gate])) * x[gate + dimension];
      }
      Buffer<float> in(x);
      const kernels::GatedInput input{in.data(), in.data() + dimension, stride};
      QVERIFY(agrees<float>(rotation, 0, 64, input, gated));
      QVERIFY(agrees<std::uint16_t>(rotation, 1, 32, input, gated));
    }
  }

  void signs_of_a_product_of_matrices() {
    const auto signs = hadamard_signs(12, 4);
    const SignMatrix& h = hadamard(12);
    for (std::size_t i = 0; i < 48; ++i)
      for (std::size_t j = 0; j < 48; ++j) {
        const bool sylvester = (i % 4 == 1 && j % 2 == 1) || (i % 4 == 2 && j % 4 >= 2) ||
                               (i % 4 == 3 && (j % 4 == 1 || j % 4 == 2));
        const bool negative = (h[i / 4 * 12 + j / 4] < 0) != sylvester;
        QCOMPARE((signs[i * 2 + j / 32] >> (j % 32) & 1u) != 0, negative);
      }
  }
};

QTEST_APPLESS_MAIN(TestKernelsRotation)
#include "test_kernels_rotation.moc"
