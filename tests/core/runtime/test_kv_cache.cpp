// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a KV cache gives back, in each precision.
#include <cmath>

#include "core/base/half.h"
#include "core/runtime/int8_kernels.h"
#include "core/runtime/kv_cache.h"
#include "tests/support/instruction_set.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

constexpr std::size_t blocks = 2, capacity = 5, heads = 3, dim = 20, width = heads * dim;

// The attention of one head, in plain arithmetic.
std::vector<float> plain_scores(std::span<const float> keys, std::size_t tokens, std::size_t head,
                                std::span<const float> query) {
  std::vector<float> scores(tokens);
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t i = 0; i < dim; ++i) scores[t] += keys[t * width + head * dim + i] * query[i];
  return scores;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
  return largest;
}

} // namespace

class TestKvCache : public QObject {
  Q_OBJECT
 private slots:
  void int8_loops_on_every_instruction_set() {
    for (const std::int64_t target : instruction_sets()) {
      const InstructionSet only(target);
      for (const std::size_t n : {1, 7, 16, 64, 131}) {
        const std::vector<float> b = gaussian(n, n);
        std::vector<std::int8_t> a(n);
        for (std::size_t i = 0; i < n; ++i) a[i] = std::int8_t(int(i * 37 % 255) - 127);
        double sum = 0, magnitude = 0;
        std::vector<float> y(n, 0.5f);
        kernels::add_scaled_int8(0.25f, a.data(), y.data(), n);
        for (std::size_t i = 0; i < n; ++i) {
          sum += double(a[i]) * double(b[i]);
          magnitude += std::abs(double(a[i]) * double(b[i]));
          QCOMPARE(y[i], 0.5f + 0.25f * float(a[i]));
        }
        QVERIFY(std::abs(double(kernels::dot_int8(a.data(), b.data(), n)) - sum) <= 1e-6 * magnitude + 1e-6);
      }
    }
  }

  void gives_back_what_was_stored_data() {
    QTest::addColumn<int>("precision");
    QTest::addColumn<double>("tolerance"); // of products of unit Gaussians of 20 values
    QTest::newRow("f32") << int(KvPrecision::f32) << 1e-5;
    QTest::newRow("f16") << int(KvPrecision::f16) << 0.02;
    QTest::newRow("q8") << int(KvPrecision::q8) << 0.25; // steps of 3 / 127
  }

  void gives_back_what_was_stored() {
    QFETCH(int, precision);
    QFETCH(double, tolerance);
    KvCache cache(blocks, capacity, width, dim, KvPrecision(precision));
    const auto keys = gaussian(capacity * width, 1), values = gaussian(capacity * width, 2);
    const auto row = [&](const std::vector<float>& from, std::size_t t) {
      return std::span(from).subspan(t * width, width);
    };
    for (std::size_t t = 0; t < capacity; ++t) {
      cache.store(0, t, row(values, t), row(keys, t)); // the other block's must not be touched
      cache.store(1, t, row(keys, t), row(values, t));
    }
    const auto query = gaussian(dim, 3), weights = gaussian(capacity, 4);
    for (std::size_t head = 0; head < heads; ++head) {
      std::vector<float> scores(capacity), out(dim), expected(dim);
      cache.scores(1, head * dim, query, scores);
      QVERIFY(largest_difference(scores, plain_scores(keys, capacity, head, query)) < tolerance);
      cache.add_values(1, head * dim, weights, out);
      for (std::size_t t = 0; t < capacity; ++t)
        for (std::size_t i = 0; i < dim; ++i) expected[i] += weights[t] * values[t * width + head * dim + i];
      QVERIFY(largest_difference(out, expected) < tolerance);
    }
  }

  // The error of a code is half a step of its own head's scale, whatever the others hold.
  void heads_of_other_magnitudes_keep_their_precision() {
    KvCache cache(1, 1, 2 * dim, dim, KvPrecision::q8);
    std::vector<float> key = gaussian(2 * dim, 5);
    for (std::size_t i = 0; i < dim; ++i) key[i] *= 1e-3f, key[dim + i] *= 1e3f;
    cache.store(0, 0, key, key);
    for (std::size_t i = 0; i < 2 * dim; ++i) {
      std::vector<float> one(dim), score(1);
      one[i % dim] = 1;
      cache.scores(0, i / dim * dim, one, score);
      const float magnitude = i < dim ? 1e-3f : 1e3f;
      QVERIFY(std::abs(score[0] - key[i]) <= magnitude * 3.5f / 254);
    }
  }

  void zeros_and_extremes() {
    KvCache cache(1, 2, dim, dim, KvPrecision::q8);
    std::vector<float> extreme(dim, 0.f), one(dim), scores(2);
    cache.store(0, 0, extreme, extreme);
    extreme[3] = 1e9f; // beyond what a binary16 scale holds
    cache.store(0, 1, extreme, extreme);
    one[3] = 1;
    cache.scores(0, 0, one, scores);
    QCOMPARE(scores[0], 0.f);
    QVERIFY(std::isfinite(scores[1]) && scores[1] > 8e6f);
  }

  void bytes() {
    const std::uint64_t values = 2 * 4 * 100 * 128;
    QCOMPARE(KvCache::bytes(4, 100, 128, 64, KvPrecision::f32), 4 * values);
    QCOMPARE(KvCache::bytes(4, 100, 128, 64, KvPrecision::f16), 2 * values);
    QCOMPARE(KvCache::bytes(4, 100, 128, 64, KvPrecision::q8), values + values / 32);
  }

  void names() {
    QVERIFY(parse_kv_precision("q8") == KvPrecision::q8 && parse_kv_precision("f16") == KvPrecision::f16);
    QVERIFY(error_of([] { parse_kv_precision("q4"); }).find("q4") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestKvCache)
#include "test_kv_cache.moc"
