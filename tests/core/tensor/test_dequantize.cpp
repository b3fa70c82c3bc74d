// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Block formats against the Python package `gguf` (goldens by tests/golden/gguf/make_block_goldens.py).
#include <cmath>

#include "core/base/json.h"
#include "core/tensor/dtype.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

DType dtype_named(const std::string& name) {
  for (std::size_t i = 0; i < dtype_count; ++i)
    if (dtype_name(DType(i)) == name) return DType(i);
  qFatal("unknown type");
}

} // namespace

class TestDequantize : public QObject {
  Q_OBJECT
 private slots:
  void blocks_decode_as_ggml_says() {
    const Json cases = read_json_file(test::tests_folder() / "golden/gguf/blocks.json");
    QCOMPARE(cases.size(), std::size_t(24));
    for (const auto& [name, golden] : cases.items()) {
      const auto bytes = golden["bytes"].get<std::vector<std::uint8_t>>();
      const auto expected = golden["values"].get<std::vector<float>>();
      std::vector<float> values(expected.size());
      dequantize(dtype_named(name), std::as_bytes(std::span(bytes)), values);
      for (std::size_t i = 0; i < values.size(); ++i)
        if (!(values[i] == expected[i])) // bit for bit, but for the sign of 0
          QFAIL(qPrintable(QString("%1 value %2: %3 instead of %4")
                               .arg(name.c_str())
                               .arg(i)
                               .arg(double(values[i]))
                               .arg(double(expected[i]))));
    }
  }

  // All 256 patterns: values by hand where formats differ, and the relation between neighbours elsewhere.
  void floats_of_eight_bits() {
    std::vector<std::uint8_t> patterns(256);
    for (int i = 0; i < 256; ++i) patterns[std::size_t(i)] = std::uint8_t(i);
    const auto all_of = [&](DType dtype) {
      std::vector<float> values(256);
      dequantize(dtype, std::as_bytes(std::span(patterns)), values);
      return values;
    };
    const auto e4m3 = all_of(DType::f8_e4m3), e5m2 = all_of(DType::f8_e5m2), e8m0 = all_of(DType::f8_e8m0);
    QCOMPARE(e4m3[0x01], 0.001953125f); // 2^-9, the smallest
    QCOMPARE(e4m3[0x38], 1.f);
    QCOMPARE(e4m3[0x7e], 448.f); // the largest
    QVERIFY(std::isnan(e4m3[0x7f]) && std::isnan(e4m3[0xff]));
    QCOMPARE(e5m2[0x01], std::ldexp(1.f, -16));
    QCOMPARE(e5m2[0x3c], 1.f);
    QCOMPARE(e5m2[0x7b], 57344.f);
    QVERIFY(std::isinf(e5m2[0x7c]) && std::isnan(e5m2[0x7d]));
    QCOMPARE(e8m0[0], std::ldexp(1.f, -127));
    QCOMPARE(e8m0[127], 1.f);
    QVERIFY(std::isnan(e8m0[255]));
    for (std::size_t i = 0; i < 0x7e; ++i) {
      QVERIFY(e4m3[i + 1] > e4m3[i] && e4m3[i + 128] == -e4m3[i]);
      if (i < 0x7b) QVERIFY(e5m2[i + 1] > e5m2[i] && e5m2[i + 128] == -e5m2[i]);
    }
  }

  void sizes_are_checked() {
    QVERIFY(!storage_bytes(DType::q4_k, 100));
    QVERIFY(!storage_bytes(DType::f64, std::uint64_t(1) << 62));
    QCOMPARE(*storage_bytes(DType::q4_k, 512), std::uint64_t(288));
    std::vector<float> out(3);
    const std::vector<std::byte> bytes(8);
    QVERIFY(!test::error_of([&] { dequantize(DType::f32, bytes, out); }).empty());
    const std::vector<std::byte> integers(3);
    QVERIFY(test::error_of([&] { dequantize(DType::i8, integers, out); }).find("I8") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestDequantize)
#include "test_dequantize.moc"
