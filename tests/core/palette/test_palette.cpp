// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <cmath>

#include "core/base/half.h"
#include "core/base/json.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/palette/lloyd_max.h"
#include "core/palette/quantized_linear.h"
#include "core/palette/quantizer.h"
#include "tests/support/instruction_set.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using intarsia::test::gaussian;

namespace {

struct Coded {
  std::vector<std::byte> codes;
  std::vector<float> decoded;
};

Coded code(const Quantizer& quantizer, const std::vector<float>& weights, MatrixShape shape) {
  Coded coded{std::vector<std::byte>(quantizer.code_bytes(shape)), std::vector<float>(shape.size())};
  quantizer.encode(weights, shape, coded.codes, {});
  quantizer.decode(coded.codes, shape, 0, shape.rows, coded.decoded);
  return coded;
}

} // namespace

class TestPalette : public QObject {
  Q_OBJECT

  static void add_members() {
    QTest::addColumn<QString>("id");
    for (const Quantizer* member : palette())
      QTest::newRow(to_string(member->id()).c_str()) << QString::fromStdString(to_string(member->id()));
  }
  static const Quantizer& fetched() {
    QFETCH(QString, id);
    return quantizer(parse_quantizer_id(id.toStdString()));
  }

 private slots:
  void ids_are_read_and_written() {
    for (const char* id : {"nuq-4", "vq-2.5", "tcq-3.25", "half-tcq-4.75", "f16"})
      QCOMPARE(to_string(parse_quantizer_id(id)), std::string(id));
    for (const char* id :
         {"", "nuq", "nuq-", "nuq-0", "nuq--4", "vq-2.3", "tcq-nan", "abc-4", "nuq-4x", "f16-3"})
      QVERIFY(test::error_of([&] { parse_quantizer_id(id); }).find("is not a quantizer") !=
              std::string::npos);
    QVERIFY(test::error_of([] { quantizer(parse_quantizer_id("nuq-9")); }).find("nuq-2, nuq-3") !=
            std::string::npos);
  }

  void fresh_gaussian_weights_have_the_declared_distortion_data() { add_members(); }
  void fresh_gaussian_weights_have_the_declared_distortion() {
    const Quantizer& member = fetched();
    const double measured = measure_distortion(member, 400'000, 99, {});
    // 400,000 samples: the error's own spread is below 1 %.
    if (std::abs(measured / member.distortion() - 1) >
        0.015 * (member.id().family == QuantizerFamily::f16 ? 5 : 1))
      QFAIL(qPrintable(QString("measured %1, declared %2").arg(measured).arg(member.distortion())));
    QVERIFY(member.distortion() > distortion_bound(member.bits()));
  }

  void none_is_worse_than_published() {
    INTARSIA_NEED_SHARED("reference/q-palette-distortion.json");
    const Json published =
        read_json_file(test::shared_folder() / "reference/q-palette-distortion.json")["distortion"];
    for (const Quantizer* member : palette()) {
      const std::string id = to_string(member->id());
      if (published.contains(id) && member->distortion() > 1.004 * published[id].get<double>())
        QFAIL(qPrintable(QString("%1: %2 against %3")
                             .arg(id.c_str())
                             .arg(member->distortion())
                             .arg(published[id].get<double>())));
    }
  }

  void more_bits_distort_less() {
    for (const Quantizer* a : palette())
      for (const Quantizer* b : palette())
        if (a->id().family == b->id().family && a->bits() < b->bits())
          QVERIFY(a->distortion() > b->distortion());
  }

  void odd_shapes_come_back_the_same_on_any_machine_data() { add_members(); }
  void odd_shapes_come_back_the_same_on_any_machine() {
    const Quantizer& member = fetched();
    const auto sets = test::instruction_sets();
    // A trellis codes whole blocks of 64 x 64, for which its plain-loop build takes milliseconds: fewer
    // rounds, of one panel of rows or two.
    const bool trellis = member.row_granularity() > 1;
    Random random(4);
    for (int round = 0; round < (trellis ? 12 : 50); ++round) {
      const MatrixShape shape{1 + random.below(trellis ? 80 : 40), 1 + random.below(trellis ? 60 : 200)};
      const auto weights = gaussian(shape.size(), std::uint64_t(round));
      const Coded many = code(member, weights, shape);
      const ThreadLimit one(1);
      const Coded single = code(member, weights, shape);
      QVERIFY(many.codes == single.codes);
      QVERIFY(many.decoded == single.decoded);
      const std::int64_t set = sets[std::size_t(round) % sets.size()];
      if (!(trellis && set == HWY_SCALAR && round > 5)) {
        const test::InstructionSet limited(set);
        const Coded elsewhere = code(member, weights, shape);
        QVERIFY2(many.codes == elsewhere.codes && many.decoded == elsewhere.decoded, hwy::TargetName(set));
      }
      // Rows on their own are what they are in the whole.
      const std::size_t row = random.below(shape.rows) / member.row_granularity() * member.row_granularity();
      const std::size_t count = std::min(member.row_granularity(), shape.rows - row);
      std::vector<float> part(count * shape.columns);
      member.decode(many.codes, shape, row, count, part);
      QVERIFY(
          std::equal(part.begin(), part.end(), many.decoded.begin() + std::ptrdiff_t(row * shape.columns)));
    }
  }

  void each_code_is_the_nearest_data() { add_members(); }
  void each_code_is_the_nearest() {
    const Quantizer& member = fetched();
    const auto book = member.codebook();
    if (book.empty() || member.row_granularity() > 1) QSKIP("no plain codebook");
    const std::size_t length = member.id().family == QuantizerFamily::vq ? 2 : 1;
    auto weights = gaussian(2000, 8);
    for (std::size_t i = 0; i < 40; ++i) weights[i] *= 8; // far outside too
    const Coded coded = code(member, weights, {1, weights.size()});
    for (std::size_t i = 0; i < weights.size(); i += length) {
      const auto distance = [&](const float* point) {
        double sum = 0;
        for (std::size_t k = 0; k < length; ++k) sum += std::pow(double(weights[i + k]) - point[k], 2);
        return sum;
      };
      double least = 1e300;
      for (std::size_t c = 0; c < book.size(); c += length)
        least = std::min(least, distance(book.data() + c));
      QVERIFY(distance(coded.decoded.data() + i) <= least * (1 + 1e-5) + 1e-12);
    }
  }

  void lloyd_max_levels_are_their_cells_means() {
    for (const std::size_t levels : {2, 4, 8, 64, 256}) {
      const LloydMax solution = solve_lloyd_max(levels);
      for (std::size_t i = 0; i < levels / 2; ++i)
        QVERIFY(std::abs(solution.levels[i] + solution.levels[levels - 1 - i]) < 1e-9);
    }
    QVERIFY(std::abs(solve_lloyd_max(2).distortion - (1 - 2 / M_PI)) < 1e-12);
    QVERIFY(std::abs(solve_lloyd_max(4).distortion - 0.117481847) < 1e-8); // Max 1960, table I
  }

  void layers_come_back_close_and_sized_to_the_byte() {
    for (const char* name : {"nuq-4", "vq-2.5", "tcq-3.25", "half-tcq-2", "f16"}) {
      for (const MatrixShape shape : {MatrixShape{1, 1}, {3, 5}, {17, 48}, {33, 192}}) {
        const QuantizerId id = parse_quantizer_id(name);
        auto weights = gaussian(shape.size(), 6);
        for (float& weight : weights) weight *= 0.02f;
        const auto original = weights;
        const auto layer = quantize_linear(weights, shape, id,
                                           std::make_shared<const Rotation>(shape.columns, 1), "layer", {});
        QCOMPARE(layer.code_and_scale_bytes(), quantized_linear_bytes(id, shape));
        const auto back = dequantize_linear(layer);
        double error = 0, energy = 0;
        for (std::size_t i = 0; i < back.size(); ++i)
          error += std::pow(double(back[i]) - original[i], 2), energy += std::pow(double(original[i]), 2);
        QVERIFY(std::abs(error / energy - layer.distortion) < 1e-4);
        if (shape.size() > 1000) QVERIFY(layer.distortion < 1.15 * quantizer(id).distortion() + 1e-6);
      }
    }
  }

  void strange_layers_are_safe() {
    const auto rotation = std::make_shared<const Rotation>(64, 1);
    const auto quantized = [&](std::vector<float> weights) {
      return quantize_linear(weights, {weights.size() / 64, 64}, parse_quantizer_id("nuq-3"), rotation,
                             "model.layers.1.mlp.down_proj", {});
    };
    std::vector<float> zeros(128, 0.f);
    QVERIFY(dequantize_linear(quantized(zeros)) == zeros);
    std::vector<float> constant(128, 3.f);
    for (const float value : dequantize_linear(quantized(constant))) QVERIFY(std::isfinite(value));
    std::vector<float> huge(128, 1e30f), tiny(128, 1e-30f);
    for (const float value : dequantize_linear(quantized(huge))) QVERIFY(std::isfinite(value));
    for (const float value : dequantize_linear(quantized(tiny))) QVERIFY(std::isfinite(value));
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      std::vector<float> weights(128, 1.f);
      weights[70] = bad;
      const std::string sentence = test::error_of([&] { quantized(weights); });
      QVERIFY(sentence.find("model.layers.1.mlp.down_proj") != std::string::npos &&
              sentence.find("weight 70") != std::string::npos);
    }
  }
};

QTEST_APPLESS_MAIN(TestPalette)
#include "test_palette.moc"
