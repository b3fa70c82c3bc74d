// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/kv_cache.h"
#include "cuda/kernels/attention.cuh"
#include "tests/cuda/kernel_test.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

struct Case {
  kernels::HeadShape head;
  int capacity, chunk;
  std::vector<int> positions;
  unsigned threads;
  float size = 1;  // of queries: large ones make the softmax sharp
  int visible = 0; // positions that are looked at; 0: all
};

// Keys and values for every position, on the CPU and as the device stores them.
struct Cache {
  Cache(std::size_t capacity, std::size_t kv_dim)
      : cpu(1, capacity, kv_dim, kv_dim, KvPrecision::f16)
      , keys(capacity * kv_dim, "the keys")
      , values(capacity * kv_dim, "the values") {
    const std::vector<float> k = gaussian(capacity * kv_dim, 1), v = gaussian(capacity * kv_dim, 2);
    for (std::size_t i = 0; i < k.size(); ++i) keys[i] = float_to_half(k[i]), values[i] = float_to_half(v[i]);
    for (std::size_t t = 0; t < capacity; ++t)
      cpu.store(0, t, std::span(k).subspan(t * kv_dim, kv_dim), std::span(v).subspan(t * kv_dim, kv_dim));
  }
  KvCache cpu;
  Buffer<std::uint16_t> keys, values;
};

std::vector<float> reference(const Case& c, const Cache& cache, std::span<const float> q, std::size_t stride,
                             float scale) {
  const std::size_t dim = std::size_t(c.head.head_dim), heads = std::size_t(c.head.heads);
  const std::size_t group = heads / std::size_t(c.head.kv_heads);
  std::vector<float> out(c.positions.size() * heads * dim, 0.f);
  for (std::size_t t = 0; t < c.positions.size(); ++t)
    for (std::size_t head = 0; head < heads; ++head) {
      std::vector<float> scores(std::size_t(c.positions[t]) + 1);
      cache.cpu.scores(0, head / group * dim, q.subspan(t * stride + head * dim, dim), scores);
      const float largest = *std::max_element(scores.begin(), scores.end());
      double sum = 0;
      for (float& score : scores) sum += double(score = std::exp(scale * (score - largest)));
      for (float& score : scores) score = float(double(score) / sum);
      cache.cpu.add_values(0, head / group * dim, scores,
                           std::span(out).subspan((t * heads + head) * dim, dim));
    }
  return out;
}

template <typename Out>
bool agrees(const Case& c) {
  const std::size_t dim = std::size_t(c.head.head_dim), heads = std::size_t(c.head.heads);
  const std::size_t tokens = c.positions.size(), stride = heads * dim + 5;
  const Cache cache(std::size_t(c.capacity), std::size_t(c.head.kv_heads) * dim);
  const int visible = c.visible > 0 ? c.visible : c.capacity;
  const kernels::AttentionShape shape{c.head, c.chunk, (visible + c.chunk - 1) / c.chunk};
  std::vector<float> queries = gaussian(tokens * stride, 3);
  for (float& value : queries) value *= c.size;
  const float scale = 1 / std::sqrt(float(dim));
  Buffer<float> q(queries, "the queries"),
      partial(tokens * heads * std::size_t(shape.chunks) * dim, "partial sums");
  Buffer<simt::float2> statistics(tokens * heads * std::size_t(shape.chunks), "the statistics");
  Buffer<int> positions(c.positions, "the positions");
  Buffer<Out> out(tokens * heads * dim, "the output");
  launch_checked(&kernels::attend_chunk,
                 {unsigned(c.head.kv_heads), unsigned(shape.chunks), unsigned(tokens)}, c.threads,
                 kernels::attention_shared_bytes(shape, int(c.threads)),
                 {updated(partial), updated(statistics)}, q.data(), stride, cache.keys.data(),
                 cache.values.data(), positions.data(), shape, scale, partial.data(), statistics.data());
  const int combining = std::max(64, (c.head.head_dim + 31) / 32 * 32);
  launch_checked(&kernels::combine_chunks<Out>, {unsigned(heads), unsigned(tokens)}, unsigned(combining),
                 kernels::combine_shared_bytes(combining), {written(out)}, partial.data(), statistics.data(),
                 positions.data(), shape, out.data());
  return close(out, reference(c, cache, queries, stride, scale), 4e-6f);
}

} // namespace

class TestKernelsAttention : public QObject {
  Q_OBJECT
 private slots:
  void one_token_over_one_chunk() {
    QVERIFY(agrees<float>({{1, 1, 2}, 1, 4, {0}, 32}));
    QVERIFY(agrees<float>({{2, 2, 16}, 5, 8, {4}, 32}));
    QVERIFY(agrees<float>({{2, 1, 64}, 40, 64, {36}, 64}));
  }
  void the_context_is_split() {
    QVERIFY(agrees<float>({{3, 1, 16}, 50, 8, {49}, 32}));
    QVERIFY(agrees<float>({{4, 2, 24}, 50, 16, {31}, 64})); // the last chunk is full
    QVERIFY(agrees<float>({{4, 2, 24}, 50, 16, {32}, 64})); // it has one position
    QVERIFY(agrees<std::uint16_t>({{8, 2, 128}, 70, 32, {66}, 128}));
  }
  void many_chunks_are_put_together() {
    QVERIFY(
        agrees<float>({{2, 1, 8}, 3 * kernels::combine_at_once, 1, {2 * kernels::combine_at_once + 3}, 32}));
    QVERIFY(agrees<float>({{2, 1, 48}, 600, 2, {599}, 32}));
  }
  void what_lies_behind_is_not_looked_at() {
    QVERIFY(agrees<float>({{4, 2, 24}, 90, 16, {31, 40}, 64, 1, 41}));
  }
  void groups_of_any_size_share_a_cache() {
    for (const int group : {1, 3, 4, 5, 7, 9})
      for (const int dim : {10, 24}) QVERIFY(agrees<float>({{2 * group, 2, dim}, 21, 8, {20}, 32}));
  }
  void wide_heads() {
    QVERIFY(agrees<float>({{2, 1, 256}, 20, 8, {18}, 128}));
    QVERIFY(agrees<float>({{3, 1, 256}, 20, 8, {18}, 32})); // a thread for four pairs
    QVERIFY(agrees<float>({{2, 1, 190}, 20, 8, {18}, 96}));
  }
  void several_tokens_see_their_own_past() {
    QVERIFY(agrees<float>({{6, 3, 8}, 30, 8, {5, 6, 7, 8, 9, 29}, 32}));
  }
  void a_sharp_softmax() {
    QVERIFY(agrees<float>({{4, 2, 32}, 64, 16, {63}, 64, 30}));
    QVERIFY(agrees<float>({{4, 2, 32}, 64, 16, {63}, 64, 1000}));
  }
};

QTEST_APPLESS_MAIN(TestKernelsAttention)
#include "test_kernels_attention.moc"
