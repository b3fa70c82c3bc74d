// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/rope.h"
#include "cuda/kernels/rope.cuh"
#include "tests/cuda/kernel_test.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

struct Case {
  int heads, kv_heads, head_dim;
  std::vector<int> positions;
  unsigned blocks, threads;
};

bool agrees(const Case& c, int capacity) {
  ModelConfig config;
  config.head_dim = std::size_t(c.head_dim);
  config.rope_theta = 10000;
  config.rope_scaling.kind = RopeScalingKind::llama3;
  config.rope_scaling.factor = 8;
  const Rope rope(config);
  const std::size_t q_size = std::size_t(c.heads * c.head_dim),
                    kv_size = std::size_t(c.kv_heads * c.head_dim);
  const std::size_t stride = q_size + 2 * kv_size,
                    tokens = c.positions.size(); // as one fused linear gives them
  const std::vector<float> qkv = gaussian(tokens * stride, stride);
  std::vector<float> expected(qkv);
  std::vector<float> keys(std::size_t(capacity) * kv_size, 0), values(keys);
  for (std::size_t t = 0; t < tokens; ++t) {
    const auto row = std::span(expected).subspan(t * stride, stride);
    std::vector<float> key(row.begin() + std::ptrdiff_t(q_size),
                           row.begin() + std::ptrdiff_t(q_size + kv_size));
    rope.apply(row.first(q_size), std::size_t(c.positions[t]));
    rope.apply(key, std::size_t(c.positions[t]));
    std::copy(key.begin(), key.end(), keys.begin() + std::ptrdiff_t(std::size_t(c.positions[t]) * kv_size));
    std::copy_n(row.end() - std::ptrdiff_t(kv_size), kv_size,
                values.begin() + std::ptrdiff_t(std::size_t(c.positions[t]) * kv_size));
  }
  Buffer<float> device(qkv, "q, k and v"), frequencies(rope.frequencies(), "the frequencies");
  Buffer<int> positions(c.positions, "the positions");
  Buffer<std::uint16_t> key_cache(to_halves(std::vector<float>(keys.size(), 0)), "the keys");
  Buffer<std::uint16_t> value_cache(to_halves(std::vector<float>(keys.size(), 0)), "the values");
  launch_checked(&kernels::rope_and_store, {c.blocks, unsigned(tokens)}, c.threads, 0,
                 {updated(device), updated(key_cache), updated(value_cache)}, device.data(),
                 device.data() + q_size, device.data() + q_size + kv_size, stride, frequencies.data(),
                 positions.data(), kernels::HeadShape{c.heads, c.kv_heads, c.head_dim}, capacity,
                 key_cache.data(), value_cache.data());
  return close(device, expected) && close(key_cache, keys) && close(value_cache, values);
}

} // namespace

class TestKernelsRope : public QObject {
  Q_OBJECT
 private slots:
  void heads_turn_and_go_into_the_cache() {
    QVERIFY(agrees({1, 1, 2, {0}, 1, 32}, 1));
    QVERIFY(agrees({4, 2, 8, {5}, 1, 32}, 6));
    QVERIFY(agrees({9, 3, 64, {2, 3, 4}, 2, 64}, 7));
    QVERIFY(agrees({7, 1, 10, {11, 0}, 3, 32}, 12));
    QVERIFY(agrees({2, 2, 128, {4000}, 1, 96}, 4001));
  }

  void a_full_cache_is_not_written_past() {
    Buffer<float> qkv(gaussian(12, 1)), frequencies(std::vector<float>{1, 0.1f});
    Buffer<int> positions(std::vector<int>{3});
    Buffer<std::uint16_t> keys(12), values(12);
    const float before = qkv[0];
    launch_checked(&kernels::rope_and_store, {1, 1}, 32, 0, {updated(qkv)}, qkv.data(), qkv.data() + 4,
                   qkv.data() + 8, std::size_t(12), frequencies.data(), positions.data(),
                   kernels::HeadShape{1, 1, 4}, 3, keys.data(), values.data());
    QCOMPARE(qkv[0], before);
  }
};

QTEST_APPLESS_MAIN(TestKernelsRope)
#include "test_kernels_rope.moc"
