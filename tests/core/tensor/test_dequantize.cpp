// SPDX-License-Identifier: GPL-3.0-or-later
// Block formats against the Python package `gguf` (goldens by tests/golden/gguf/make_block_goldens.py).
#include "core/base/json.h"
#include "core/tensor/dtype.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

DType dtype_named(const std::string& name) {
  for (int i = 0; i <= int(DType::q6_k); ++i)
    if (dtype_name(DType(i)) == name) return DType(i);
  qFatal("unknown type");
}

} // namespace

class TestDequantize : public QObject {
  Q_OBJECT
 private slots:
  void blocks_decode_as_ggml_says() {
    const Json cases = read_json_file(test::tests_folder() / "golden/gguf/blocks.json");
    QCOMPARE(cases.size(), std::size_t(10));
    for (const auto& [name, golden] : cases.items()) {
      const auto bytes = golden["bytes"].get<std::vector<std::uint8_t>>();
      const auto expected = golden["values"].get<std::vector<float>>();
      std::vector<float> values(expected.size());
      dequantize(dtype_named(name), std::as_bytes(std::span(bytes)), values);
      for (std::size_t i = 0; i < values.size(); ++i)
        if (std::abs(values[i] - expected[i]) > 1e-6f * std::max(1.f, std::abs(expected[i])))
          QFAIL(qPrintable(QString("%1 value %2: %3 instead of %4")
                               .arg(name.c_str())
                               .arg(i)
                               .arg(double(values[i]))
                               .arg(double(expected[i]))));
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
