// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cmath>

#include "core/base/random.h"
#include "core/palette/hadamard.h"
#include "core/palette/rotation.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using intarsia::test::gaussian;

namespace {

double squares(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += double(value) * value;
  return sum;
}

} // namespace

class TestRotation : public QObject {
  Q_OBJECT
 private slots:
  void every_order_claimed_is_a_hadamard_matrix() {
    int orders = 0;
    for (std::size_t order = 1; order <= max_hadamard_order; ++order) {
      if (!has_hadamard(order)) continue;
      ++orders;
      const SignMatrix& h = hadamard(order);
      for (std::size_t i = 0; i < order; ++i)
        for (std::size_t j = 0; j <= i; ++j) {
          int dot = 0;
          for (std::size_t k = 0; k < order; ++k) dot += h[i * order + k] * h[j * order + k];
          if (dot != (i == j ? int(order) : 0))
            QFAIL(qPrintable(QString("order %1, rows %2 and %3").arg(order).arg(i).arg(j)));
        }
    }
    QVERIFY(orders > 60);
    for (const std::size_t order : {12, 20, 28, 36, 44, 52, 60, 76, 108, 124, 140, 148, 244})
      QVERIFY(has_hadamard(order));
  }

  // The widths of real models take one transform over the whole dimension.
  void widths_of_real_models_are_full() {
    for (const std::size_t width : {64,   192,  448,  576,  896,  1152,  1536,  2048,  3072,  4096, 4864,
                                    5120, 5632, 6144, 8192, 8960, 11008, 13824, 14336, 18944, 28672})
      if (!Rotation(width, 1).is_full())
        QFAIL(qPrintable(QString("%1: %2").arg(width).arg(Rotation(width, 1).description().c_str())));
  }

  void rotating_keeps_lengths_and_can_be_undone_data() {
    QTest::addColumn<int>("dimension");
    for (const int dimension : {1, 2, 3, 7, 12, 24, 67, 100, 192, 448, 576, 1000, 1536, 2047})
      QTest::addRow("%d", dimension) << dimension;
  }
  void rotating_keeps_lengths_and_can_be_undone() {
    QFETCH(int, dimension);
    const Rotation rotation(std::size_t(dimension), 7);
    const auto original = gaussian(std::size_t(dimension), 3);
    auto rotated = original;
    rotation.apply(rotated);
    QVERIFY(std::abs(squares(rotated) / squares(original) - 1) < 1e-5);
    rotation.apply_inverse(rotated);
    for (std::size_t i = 0; i < original.size(); ++i) QVERIFY(std::abs(rotated[i] - original[i]) < 1e-5);
  }

  // y = W x is unchanged when both are rotated.
  void products_are_unchanged() {
    const Rotation rotation(192, 5);
    auto x = gaussian(192, 1), w = gaussian(192, 2);
    double before = 0, after = 0;
    for (std::size_t i = 0; i < x.size(); ++i) before += double(x[i]) * w[i];
    rotation.apply(x);
    rotation.apply_rows(w);
    for (std::size_t i = 0; i < x.size(); ++i) after += double(x[i]) * w[i];
    QVERIFY(std::abs(before - after) < 1e-4);
  }

  void an_outlier_is_spread_out() {
    std::vector<float> x(1536, 0.f);
    x[77] = 100;
    Rotation(1536, 1).apply(x);
    for (const float value : x) QVERIFY(std::abs(std::abs(value) - 100 / std::sqrt(1536.f)) < 1e-3);
  }

  void signs_make_the_same_rotation_again() {
    const Rotation drawn(100, 9), read(100, drawn.signs());
    auto a = gaussian(100, 1), b = a;
    drawn.apply(a);
    read.apply(b);
    QVERIFY(a == b);
    QVERIFY(test::error_of([] { Rotation(100, std::vector<std::uint8_t>(3)); }).find("3 bytes of signs") !=
            std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestRotation)
#include "test_rotation.moc"
