// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <limits>

#include "core/base/random.h"
#include "core/runtime/sampler.h"
#include "cuda/kernels/sampling.cuh"
#include "tests/cuda/kernel_test.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<int> argmax(const std::vector<float>& logits, int count, unsigned threads) {
  Buffer<float> in(logits);
  Buffer<int> tokens(logits.size() / std::size_t(count));
  launch_checked(&kernels::argmax_rows, {unsigned(tokens.size())}, threads, kernels::argmax_shared_bytes(),
                 {written(tokens)}, in.data(), count, tokens.data());
  return {tokens.begin(), tokens.end()};
}

struct Settings {
  float temperature;
  double top_p;
  int top_k = 0;
  unsigned threads = 64;
};

std::vector<int> sample(const std::vector<float>& logits, int count, const Settings& settings,
                        const std::vector<double>& uniforms) {
  Buffer<float> in(logits);
  Buffer<double> random(uniforms);
  Buffer<int> tokens(uniforms.size());
  launch_checked(&kernels::sample_rows, {unsigned(uniforms.size())}, settings.threads,
                 kernels::sampling_shared_bytes(), {written(tokens)}, in.data(), count,
                 kernels::Sampling{settings.temperature, settings.top_p, settings.top_k}, random.data(),
                 tokens.data());
  return {tokens.begin(), tokens.end()};
}

// Rows of random logits, each with a random number of its own: the CPU's sampler must choose the same tokens.
bool agrees(std::size_t count, std::size_t rows, const Settings& settings, float spread, bool ties) {
  std::vector<float> logits = gaussian(count * rows, count);
  for (float& logit : logits) logit = ties ? std::round(spread * logit) : spread * logit;
  std::vector<double> uniforms;
  std::vector<int> expected;
  for (std::size_t row = 0; row < rows; ++row) {
    uniforms.push_back(Random(row).uniform());
    Sampler sampler({double(settings.temperature), settings.top_p, std::size_t(settings.top_k), 1, row});
    expected.push_back(sampler.sample(std::span(logits).subspan(row * count, count), {}));
  }
  return sample(logits, int(count), settings, uniforms) == expected;
}

} // namespace

class TestKernelsSampling : public QObject {
  Q_OBJECT
 private slots:
  void the_likeliest_token() {
    QCOMPARE(argmax({5}, 1, 32), std::vector<int>({0}));
    QCOMPARE(argmax({-3, -1, -2, 7, 9, 9, -4, 0, -0.f}, 3, 32), std::vector<int>({1, 1, 1}));
    std::vector<float> logits = gaussian(1000, 1);
    logits[777] = logits[400] = 50;
    QCOMPARE(argmax(logits, 1000, 256), std::vector<int>({400})); // the first of equals
    for (float& logit : logits) logit = -1e30f;
    QCOMPARE(argmax(logits, 1000, 96), std::vector<int>({0}));
  }

  void damage_is_told() {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    QCOMPARE(argmax({1, nan, 2, 1, infinity, 2, 1, -infinity, 2, 1, 0, 2}, 3, 32),
             std::vector<int>({-1, -1, -1, 2}));
    QCOMPARE(sample({1, nan, 2, 1, 1, 9}, 3, {0.01f, 1}, {0.5, 0.5}), std::vector<int>({-1, 2}));
  }

  void tokens_are_drawn_as_on_the_cpu() {
    QVERIFY(agrees(1, 2, {1, 1}, 1, false));
    QVERIFY(agrees(50, 30, {1, 1}, 2, false));
    QVERIFY(agrees(211, 30, {0.7f, 0.95}, 3, false));
    QVERIFY(agrees(211, 10, {0.7f, 0.01}, 3, false)); // the likeliest alone
    QVERIFY(agrees(1003, 8, {1.5f, 0.5, 0, 128}, 1, false));
  }

  void equal_logits_count_by_token() {
    QVERIFY(agrees(100, 30, {1, 0.9}, 1, true));
    QVERIFY(agrees(100, 30, {1, 0.35}, 1, true));
    QVERIFY(agrees(64, 20, {1, 0.5}, 0, true)); // all of them
  }

  void only_the_top_k_are_drawn() {
    QVERIFY(agrees(211, 20, {1, 1, 5}, 1, false));
    QVERIFY(agrees(211, 20, {1.3f, 0.8, 40}, 2, false));
    QVERIFY(agrees(211, 5, {1, 1, 1}, 1, true)); // the first of the likeliest
    QVERIFY(agrees(64, 20, {1, 0.9, 10}, 1, true));
    QVERIFY(agrees(64, 20, {1, 1, 64}, 1, false));
  }

  void repeated_tokens_are_penalised() {
    Buffer<float> logits(gaussian(100, 5));
    std::vector<float> expected(logits.begin(), logits.end());
    const std::vector<int> seen = {0, 99, 17, 50};
    for (const int token : seen) {
      float& logit = expected[std::size_t(token)];
      logit = logit > 0 ? logit / 1.3f : logit * 1.3f;
    }
    Buffer<int> tokens(seen);
    launch_checked(&kernels::penalise_tokens, {1}, 32, 0, {updated(logits)}, logits.data(), tokens.data(),
                   int(seen.size()), 1.3f);
    QVERIFY(close(logits, expected, 0));
  }

  // More tokens of one weight than shared memory gathers: they are looked through in place.
  void many_alike() {
    static_assert(kernels::max_gathered < 3000);
    QVERIFY(agrees(3000, 3, {1, 1, 0, 128}, 0, true));
    QVERIFY(agrees(3000, 3, {1, 0.5, 2500, 128}, 0, true));
    QVERIFY(agrees(3000, 2, {100, 0.9, 0, 128}, 0.1f, false));
  }

  void temperatures_at_the_ends() {
    QVERIFY(agrees(211, 5, {100, 1}, 5, false));
    QVERIFY(agrees(211, 5, {1e-3f, 1}, 5, false));
    QCOMPARE(sample({1, 2, 2, -3e38f, 3e38f, 0}, 3, {1e-40f, 1}, {0.4, 0.9}), std::vector<int>({1, 1}));
  }

  void draws_at_the_ends() {
    const std::vector<float> logits = {0, 1, 2, 0, 1, 2};
    QCOMPARE(sample(logits, 3, {1, 1}, {0, std::nextafter(1.0, 0.0)}), std::vector<int>({2, 0}));
  }
};

QTEST_APPLESS_MAIN(TestKernelsSampling)
#include "test_kernels_sampling.moc"
