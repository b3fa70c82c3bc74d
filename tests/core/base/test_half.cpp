// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <bit>
#include <cmath>
#include <limits>

#include "core/base/half.h"
#include "tests/support/test_support.h"

using namespace intarsia;

class TestHalf : public QObject {
  Q_OBJECT
 private slots:
  void every_half_survives_a_round_trip() {
    for (unsigned bits = 0; bits <= 0xFFFFu; ++bits) {
      const auto pattern = std::uint16_t(bits);
      const float value = half_to_float(pattern);
      if (std::isnan(value))
        QVERIFY(std::isnan(half_to_float(float_to_half(value))));
      else
        QCOMPARE(float_to_half(value), pattern);
    }
  }

  void floats_round_to_the_nearest_even_half() {
    for (unsigned bits = 0; bits < 0x7BFFu; ++bits) { // all finite neighbours a < b
      const float a = half_to_float(std::uint16_t(bits)), b = half_to_float(std::uint16_t(bits + 1));
      const float middle = a + (b - a) / 2; // exact in f32
      QCOMPARE(float_to_half(std::nextafter(middle, 0.f)), std::uint16_t(bits));
      QCOMPARE(float_to_half(std::nextafter(middle, 1e9f)), std::uint16_t(bits + 1));
      QCOMPARE(float_to_half(middle), std::uint16_t(bits + (bits & 1)));
      QCOMPARE(float_to_half(-middle), std::uint16_t(0x8000u | (bits + (bits & 1))));
    }
  }

  void overflow_goes_to_infinity() {
    QCOMPARE(float_to_half(65519.996f), std::uint16_t(0x7BFF));
    QCOMPARE(float_to_half(65520.f), std::uint16_t(0x7C00));
    QCOMPARE(float_to_half(-std::numeric_limits<float>::infinity()), std::uint16_t(0xFC00));
  }

  void bfloat16_rounds_to_nearest_even() {
    QCOMPARE(float_to_bfloat16(1.f), std::uint16_t(0x3F80));
    QCOMPARE(float_to_bfloat16(std::bit_cast<float>(0x3F808000u)), std::uint16_t(0x3F80));
    QCOMPARE(float_to_bfloat16(std::bit_cast<float>(0x3F818000u)), std::uint16_t(0x3F82));
    QVERIFY(std::isnan(bfloat16_to_float(float_to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
  }
};

QTEST_APPLESS_MAIN(TestHalf)
#include "test_half.moc"
