// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Products with codes as the CPU makes them, against decoding and multiplying in double.
#include <cmath>
#include <cstring>

#include "core/base/half.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/runtime/cpu_linear.h"
#include "core/runtime/random_weights.h"
#include "tests/support/instruction_set.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using intarsia::test::gaussian;

namespace {

std::vector<float> multiply(const CpuLinear& layer, const std::vector<float>& x, std::size_t tokens,
                            std::size_t terms) {
  LinearInput input(tokens, layer.shape().columns, terms);
  input.set(x, tokens, layer.shape().columns);
  std::vector<float> y(tokens * layer.shape().rows);
  layer.apply(input, y);
  return y;
}

struct Expected {
  std::vector<double> y;
  std::vector<double> spread; // |w| |x| of each output: what errors are relative to
};

// In the rotated domain, f64.
Expected expected(const QuantizedLinear& layer, const std::vector<float>& x, std::size_t tokens) {
  const MatrixShape shape = layer.shape;
  std::vector<float> weights(shape.size()), rotated = x;
  decode_rows(layer, 0, shape.rows, weights);
  if (layer.rotation) layer.rotation->apply_rows(rotated);
  Expected result;
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t r = 0; r < shape.rows; ++r) {
      double y = 0, ww = 0, xx = 0;
      for (std::size_t c = 0; c < shape.columns; ++c) {
        const double w = double(weights[r * shape.columns + c]), v = double(rotated[t * shape.columns + c]);
        y += w * v, ww += w * w, xx += v * v;
      }
      result.y.push_back(y);
      result.spread.push_back(std::sqrt(ww * xx));
    }
  return result;
}

} // namespace

class TestCpuLinear : public QObject {
  Q_OBJECT

  static void add_members() {
    QTest::addColumn<QString>("id");
    for (const Quantizer* member : palette())
      QTest::newRow(to_string(member->id()).c_str()) << QString::fromStdString(to_string(member->id()));
  }

 private slots:
  void every_quantizer_multiplies_data() { add_members(); }
  void every_quantizer_multiplies() {
    QFETCH(QString, id);
    const QuantizerId quantizer_id = parse_quantizer_id(id.toStdString());
    for (const MatrixShape shape : {MatrixShape{1, 3}, {65, 64}, {70, 200}, {128, 576}, {33, 1500}})
      for (const std::size_t tokens : {1, 2, 3, 5, 13}) {
        QuantizedLinear coded = random_linear(quantizer_id, shape, 3);
        if (quantizer_id.family != QuantizerFamily::f16)
          coded.rotation = std::make_shared<const Rotation>(shape.columns, 2);
        const auto x = gaussian(tokens * shape.columns, 5);
        const Expected truth = expected(coded, x, tokens);
        const CpuLinear layer(coded, {}, false);
        for (const std::size_t terms : {0, 1, 2}) {
          const auto y = multiply(layer, x, tokens, terms);
          // An int8 is off by s / 2 at most, s = max |x| / 127, and by s / sqrt(12) in the mean: of a sum of
          // n such errors 6 standard deviations, or all of them at their worst where there are few. Two
          // terms: / 254.
          const double step = terms == 0 ? 1e-5 : 4.2 / 127 / (terms == 2 ? 254 : 1);
          for (std::size_t i = 0; i < y.size(); ++i) {
            const double bound =
                truth.spread[i] / std::sqrt(double(shape.columns)) *
                    (step * 2.5 + 2e-3 * (terms > 0 && quantizer_id.family == QuantizerFamily::vq)) +
                1e-5;
            if (!(std::abs(double(y[i]) - truth.y[i]) <= bound))
              QFAIL(qPrintable(QString("%1 x %2, %3 tokens, %4 terms: %5 instead of %6, bound %7")
                                   .arg(shape.rows)
                                   .arg(shape.columns)
                                   .arg(tokens)
                                   .arg(terms)
                                   .arg(double(y[i]))
                                   .arg(truth.y[i])
                                   .arg(bound)));
          }
          const ThreadLimit one(1);
          QVERIFY(multiply(layer, x, tokens, terms) == y);
        }
      }
  }

  // Integers are exact: codes give the same bits on every instruction set. (NUQ of 7 and 8 bits is decoded to
  // f32 without AVX-512.)
  void codes_are_the_same_everywhere() {
    for (const char* id :
         {"tcq-1.5", "tcq-2.25", "tcq-3", "tcq-3.75", "tcq-5", "half-tcq-3.25", "nuq-2", "nuq-3", "nuq-4",
          "nuq-5", "nuq-6", "vq-1.5", "vq-2.5", "vq-4", "vq-4.5", "vq-6"}) {
      const CpuLinear layer(random_linear(parse_quantizer_id(id), {130, 700}, 9), {}, false);
      const auto x = gaussian(3 * 700, 6);
      const auto here = multiply(layer, x, 3, 1);
      for (const std::int64_t set : test::instruction_sets()) {
        const test::InstructionSet limited(set);
        QVERIFY2(multiply(layer, x, 3, 1) == here, hwy::TargetName(set));
      }
    }
  }

  void some_linears_share_an_input() {
    const auto x = gaussian(2 * 192, 4);
    const auto rotation = std::make_shared<const Rotation>(192, 1);
    std::vector<CpuLinear> layers;
    std::vector<std::vector<float>> alone;
    for (const char* id : {"tcq-3", "nuq-4", "f16", "vq-2", "half-tcq-2"}) {
      QuantizedLinear coded = random_linear(parse_quantizer_id(id), {100, 192}, layers.size());
      // The last two have a rotation of their own.
      if (coded.quantizer.family != QuantizerFamily::f16)
        coded.rotation = layers.size() < 3 ? rotation : std::make_shared<const Rotation>(192, layers.size());
      layers.emplace_back(coded, std::vector<float>(100, 0.5f), false);
      alone.push_back(multiply(layers.back(), x, 2, 2));
    }
    LinearInput input(2, 192, 2);
    input.set(x, 2, 192);
    std::vector<std::vector<float>> together(layers.size(), std::vector<float>(200));
    std::vector<CpuLinear::Product> products;
    for (std::size_t i = 0; i < layers.size(); ++i) products.push_back({&layers[i], together[i]});
    CpuLinear::multiply(products, input);
    QVERIFY(together == alone);
  }

  void an_activation_that_is_not_finite_shows() {
    for (const char* id : {"tcq-3", "nuq-4", "vq-3", "f16"}) {
      const CpuLinear layer(random_linear(parse_quantizer_id(id), {64, 128}, 1), {}, false);
      for (const float bad : {NAN, INFINITY}) {
        auto x = gaussian(128, 1);
        x[77] = bad;
        QVERIFY(!std::isfinite(multiply(layer, x, 1, 1)[5]));
      }
      QVERIFY(multiply(layer, std::vector<float>(128, 0.f), 1, 1)[5] == 0);
    }
  }

  void stored_types_multiply_data() {
    QTest::addColumn<int>("type");
    for (const DType type :
         {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0,
          DType::q5_1, DType::q2_k, DType::q3_k, DType::q4_k, DType::q5_k, DType::q6_k})
      QTest::newRow(std::string(dtype_name(type)).c_str()) << int(type);
  }
  void stored_types_multiply() {
    QFETCH(int, type);
    const auto dtype = DType(type);
    const MatrixShape shape{40, 2304};
    const std::size_t row_bytes = storage_bytes(dtype, shape.columns).value();
    std::vector<std::byte> file(shape.rows * row_bytes + 1);
    Random random(7);
    for (std::byte& byte : file) byte = std::byte(random.below(256));
    // Scales that are numbers: every aligned half of a file of blocks is made a small one.
    for (std::size_t i = 1; i + 1 < file.size(); i += 2)
      file[i + 1] = std::byte(0x20 | (unsigned(file[i + 1]) & 7));
    for (const std::size_t heads : {0, 2}) {
      const StoredRows rows{dtype, std::span<const std::byte>(file).subspan(1), heads};
      std::vector<float> weights(shape.size());
      for (std::size_t row = 0; row < shape.rows; ++row)
        dequantize(dtype, rows.bytes.subspan(rows.stored_index(row, shape.rows) * row_bytes, row_bytes),
                   std::span(weights).subspan(row * shape.columns, shape.columns));
      const CpuLinear mapped(StoredLinear{shape, rows}, std::vector<float>(40, 0.f));
      std::vector<float> one(shape.columns);
      for (const std::size_t row : {0, 1, 21, 39}) {
        mapped.row(row, one);
        for (std::size_t i = 0; i < one.size(); ++i)
          QVERIFY(std::abs(one[i] - weights[row * shape.columns + i]) <= 1e-5f * std::abs(one[i]) + 1e-6f);
      }
      for (const std::size_t tokens : {1, 4, 70}) {
        const auto x = gaussian(tokens * shape.columns, 2);
        const auto y = multiply(mapped, x, tokens, 1);
        for (std::size_t t = 0; t < tokens; ++t)
          for (std::size_t r = 0; r < shape.rows; ++r) {
            double sum = 0, size = 0;
            for (std::size_t c = 0; c < shape.columns; ++c) {
              const double product =
                  double(weights[r * shape.columns + c]) * double(x[t * shape.columns + c]);
              sum += product, size += std::abs(product);
            }
            QVERIFY(std::abs(double(y[t * shape.rows + r]) - sum) <= 1e-5 * size);
          }
      }
    }
  }
};

QTEST_APPLESS_MAIN(TestCpuLinear)
#include "test_cpu_linear.moc"
