// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>
#include <numeric>

#include "core/memory/cuda/rotation_split.h"
#include "core/model/model_config.h"
#include "core/palette/rotation.h"
#include "core/runtime/rope.h"
#include "cuda/launch/kernel_launches.h"
#include "cuda/selftest/selftest_bench.h"

namespace intarsia::cuda {
namespace {

constexpr double single = 1e-5, half = 1e-3;

float silu(float x) { return x / (1 + std::exp(-x)); }

std::vector<float> normed(std::vector<float> x, std::size_t width, const std::vector<float>& gain) {
  for (std::size_t start = 0; start < x.size(); start += width) {
    double sum = 0;
    for (std::size_t i = 0; i < width; ++i) sum += double(x[start + i]) * double(x[start + i]);
    const double scale = 1 / std::sqrt(sum / double(width) + 1e-5);
    for (std::size_t i = 0; i < width; ++i) x[start + i] *= float(scale) * gain[i];
  }
  return x;
}

std::vector<float> gated(const std::vector<float>& gate, const std::vector<float>& up) {
  std::vector<float> out;
  for (std::size_t i = 0; i < gate.size(); ++i) out.push_back(silu(gate[i]) * up[i]);
  return out;
}

// --- element by element

template <typename Table>
void gather(Bench& bench) {
  const int rows = bench.between(1, 300), width = bench.between(1, 700), count = bench.between(1, 40);
  const Input<Table> table(bench, bench.numbers<Table>(std::size_t(rows * width)));
  std::vector<int> tokens;
  std::vector<float> expected;
  for (int t = 0; t < count; ++t) {
    tokens.push_back(bench.between(0, rows - 1));
    for (int i = 0; i < width; ++i)
      expected.push_back(number(table.host[std::size_t(tokens.back() * width + i)]));
  }
  const Input<int> wanted(bench, tokens);
  const Output<float> out(bench, expected.size());
  launch_gather_rows(table.get(), std::size_t(rows), wanted.get(), count, width, out.get(), bench.stream);
  out.compare(expected);
}

void add(Bench& bench) {
  const Input<float> x(bench, bench.gaussian(std::size_t(bench.between(1, 50000))));
  std::vector<float> expected = bench.gaussian(x.host.size());
  const Output<float> out(bench, expected.size(), expected);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += x.host[i];
  launch_add_residual(x.get(), expected.size(), out.get(), bench.stream);
  out.compare(expected);
}

void bias(Bench& bench) {
  const std::size_t rows = std::size_t(bench.between(1, 20)), width = std::size_t(bench.between(1, 900)),
                    stride = width + std::size_t(bench.between(0, 50));
  const Input<float> b(bench, bench.gaussian(width));
  std::vector<float> expected = bench.gaussian(rows * stride);
  const Output<float> out(bench, expected.size(), expected);
  for (std::size_t i = 0; i < rows * width; ++i)
    expected[i / width * stride + i % width] += b.host[i % width];
  launch_add_bias(b.get(), int(rows), int(width), out.get(), stride, bench.stream);
  out.compare(expected);
}

void flip(Bench& bench) {
  const std::size_t rows = std::size_t(bench.between(1, 20)), width = std::size_t(bench.between(1, 900));
  const Input<std::uint8_t> signs(bench, bench.bytes((width + 7) / 8));
  std::vector<float> expected = bench.gaussian(rows * width);
  const Output<float> out(bench, expected.size(), expected);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (signs.host[i % width / 8] >> (i % width % 8) & 1) expected[i] = -expected[i];
  launch_flip_signs(signs.get(), int(rows), int(width), out.get(), bench.stream);
  out.compare(expected);
}

template <typename Out>
void swiglu(Bench& bench) {
  const int rows = bench.between(1, 20), width = bench.between(1, 900);
  const Input<float> gate(bench, bench.gaussian(std::size_t(rows * width)));
  const Input<float> up(bench, bench.gaussian(gate.host.size()));
  const Output<Out> out(bench, gate.host.size());
  launch_swiglu(Rows{gate.get(), std::size_t(width), rows, width}, up.get(), out.get(), bench.stream);
  out.compare(gated(gate.host, up.host));
}

template <typename Out>
void norm(Bench& bench) {
  const int rows = bench.between(1, 20), width = bench.between(1, 5000);
  const Input<float> x(bench, bench.gaussian(std::size_t(rows * width)));
  const Input<float> gain(bench, bench.gaussian(std::size_t(width)));
  const Output<Out> out(bench, x.host.size());
  launch_rms_norm(x.get(), rows, width, gain.get(), 1e-5f, out.get(), bench.stream);
  out.compare(normed(x.host, std::size_t(width), gain.host));
}

// --- rotation

// With what comes before it: 0 nothing, 1 RMSNorm, 2 SwiGLU.
template <typename Out, int before>
void rotate(Bench& bench) {
  const std::size_t widths[] = {1, 60, 40, 256, 576, 1536, 3072, 4096, 8192, 11008, 14336, 28672, 777};
  const std::size_t width = widths[bench.between(0, int(std::size(widths)) - 1)];
  const int rows = bench.between(1, 9);
  const Rotation rotation(width, bench.random.next());
  const RotationSplit split = split_rotation(rotation);
  const Input<std::uint8_t> signs(bench, rotation.signs());
  const Input<std::uint32_t> dense(bench, dense_signs(split, false));
  const DeviceRotation device{int(split.blocks), int(split.order), int(split.power), signs.get(),
                              dense.get()};
  const Input<float> x(bench, bench.gaussian(std::size_t(rows) * width)),
      up(bench, bench.gaussian(x.host.size())), gain(bench, bench.gaussian(width));
  const Rows in{x.get(), width, rows, int(width)};
  const Output<Out> out(bench, x.host.size());
  std::vector<float> expected = x.host;
  if constexpr (before == 0) {
    launch_rotate(in, device, out.get(), bench.stream);
  } else if constexpr (before == 1) {
    launch_rotate_normed(in, gain.get(), 1e-5f, device, out.get(), bench.stream);
    expected = normed(x.host, width, gain.host);
  } else {
    launch_rotate_gated(in, up.get(), device, out.get(), bench.stream);
    expected = gated(x.host, up.host);
  }
  rotation.apply_rows(expected);
  out.compare(expected);
}

// --- attention

Heads some_heads(Bench& bench) {
  const int dims[] = {10, 32, 64, 80, 128};
  const int kv_heads = bench.between(1, 4);
  return {kv_heads * bench.between(1, 6), kv_heads, dims[bench.between(0, 4)]};
}

void rope(Bench& bench) {
  const Heads heads = some_heads(bench);
  const std::size_t dim = std::size_t(heads.head_dim), q_dim = std::size_t(heads.heads) * dim,
                    kv_dim = std::size_t(heads.kv_heads) * dim, stride = q_dim + 2 * kv_dim;
  const int tokens = bench.between(1, 12), capacity = tokens + bench.between(0, 300);
  const int first = bench.between(0, capacity - tokens);
  ModelConfig config;
  config.head_dim = dim;
  const Rope turn(config);
  const Input<float> frequencies(bench, turn.frequencies());
  std::vector<int> places(std::size_t(tokens), 0);
  std::iota(places.begin(), places.end(), first);
  const Input<int> positions(bench, places);
  std::vector<float> rows = bench.gaussian(std::size_t(tokens) * stride);
  const Output<float> out(bench, rows.size(), rows);
  const Output<Half> keys(bench, std::size_t(capacity) * kv_dim),
      values(bench, std::size_t(capacity) * kv_dim);
  float* q = out.get();
  launch_rope_and_store(q, q + q_dim, q + q_dim + kv_dim, stride, tokens, frequencies.get(), positions.get(),
                        heads, {keys.get(), values.get(), capacity}, bench.stream);
  const auto got_keys = keys.read(), got_values = values.read();
  for (int t = 0; t < tokens; ++t) {
    const std::span row = std::span(rows).subspan(std::size_t(t) * stride, stride);
    turn.apply(row.first(q_dim), std::size_t(first + t));
    std::vector<float> key(row.begin() + std::ptrdiff_t(q_dim), row.begin() + std::ptrdiff_t(q_dim + kv_dim));
    turn.apply(key, std::size_t(first + t));
    for (std::size_t i = 0; i < kv_dim; ++i) {
      const std::size_t place = std::size_t(first + t) * kv_dim + i;
      bench.compare(double(number(got_keys[place])), double(key[i]), 4);
      bench.compare(double(number(got_values[place])), double(row[q_dim + kv_dim + i]), 4);
    }
  }
  out.compare(rows);
}

// One head of one token.
std::vector<float> attended(const float* query, const std::vector<Half>& keys,
                            const std::vector<Half>& values, std::size_t kv_dim, std::size_t offset,
                            std::size_t dim, int position) {
  std::vector<double> weights;
  double largest = -INFINITY, sum = 0;
  for (std::size_t p = 0; p <= std::size_t(position); ++p) {
    double dot = 0;
    for (std::size_t i = 0; i < dim; ++i)
      dot += double(query[i]) * double(number(keys[p * kv_dim + offset + i]));
    weights.push_back(dot / std::sqrt(double(dim)));
    largest = std::max(largest, weights.back());
  }
  for (double& weight : weights) sum += weight = std::exp(weight - largest);
  std::vector<float> out;
  for (std::size_t i = 0; i < dim; ++i) {
    double value = 0;
    for (std::size_t p = 0; p < weights.size(); ++p)
      value += weights[p] * double(number(values[p * kv_dim + offset + i]));
    out.push_back(float(value / sum));
  }
  return out;
}

template <typename Out>
void attention(Bench& bench, const Heads& heads, int tokens, int capacity) {
  const std::size_t dim = std::size_t(heads.head_dim), q_dim = std::size_t(heads.heads) * dim,
                    kv_dim = std::size_t(heads.kv_heads) * dim;
  const Input<Half> keys(bench, bench.numbers<Half>(std::size_t(capacity) * kv_dim)),
      values(bench, bench.numbers<Half>(std::size_t(capacity) * kv_dim));
  const Input<float> q(bench, bench.gaussian(std::size_t(tokens) * q_dim));
  std::vector<int> places;
  std::vector<float> expected;
  for (int t = 0; t < tokens; ++t) {
    places.push_back(bench.between(0, capacity - 1));
    for (std::size_t head = 0; head < std::size_t(heads.heads); ++head) {
      const std::size_t offset = head / std::size_t(heads.heads / heads.kv_heads) * dim;
      const auto part = attended(q.host.data() + std::size_t(t) * q_dim + head * dim, keys.host, values.host,
                                 kv_dim, offset, dim, places.back());
      expected.insert(expected.end(), part.begin(), part.end());
    }
  }
  const Input<int> positions(bench, places);
  const int visible = bench.between(*std::max_element(places.begin(), places.end()) + 1, capacity);
  const Output<float> scratch(bench, attention_scratch(heads, std::size_t(visible), std::size_t(tokens)));
  const Output<Out> out(bench, expected.size());
  launch_attention(q.get(), q_dim, tokens, positions.get(), heads,
                   {keys.mutable_get(), values.mutable_get(), capacity}, visible,
                   float(1 / std::sqrt(double(dim))), scratch.get(), out.get(), bench.stream);
  out.compare(expected);
  scratch.read();
}
template <typename Out>
void attention(Bench& bench) {
  const Heads heads = some_heads(bench);
  const int tokens = bench.between(1, 6);
  attention<Out>(bench, heads, tokens, bench.between(1, 700));
}

// --- sampling

void argmax(Bench& bench, int rows, int count) {
  const Input<float> logits(bench, bench.gaussian(std::size_t(rows) * std::size_t(count)));
  const Output<int> tokens(bench, std::size_t(rows));
  launch_argmax(logits.get(), rows, count, tokens.get(), bench.stream);
  const auto got = tokens.read();
  for (int row = 0; row < rows; ++row) {
    const auto begin = logits.host.begin() + std::ptrdiff_t(row) * count;
    bench.compare(got[std::size_t(row)], double(std::max_element(begin, begin + count) - begin), 1);
  }
}

void argmax(Bench& bench) {
  const int rows = bench.between(1, 4);
  argmax(bench, rows, bench.between(1, 150000));
}

// How far the random number lies outside the token's interval, as a part of all candidates' weights.
double misplaced(std::vector<float> logits, const SampleSettings& settings, double uniform, int token) {
  if (token < 0 || std::size_t(token) >= logits.size()) return INFINITY;
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return logits[std::size_t(a)] > logits[std::size_t(b)]; });
  if (settings.top_k > 0) order.resize(std::min(order.size(), std::size_t(settings.top_k)));
  std::vector<double> sums{0};
  for (const int i : order)
    sums.push_back(sums.back() + std::exp(double(logits[std::size_t(i)] - logits[std::size_t(order[0])]) /
                                          double(settings.temperature)));
  std::size_t candidates = 1;
  while (candidates < order.size() && sums[candidates] < settings.top_p * sums.back()) ++candidates;
  const auto found = std::find(order.begin(), order.end(), token);
  if (found == order.end()) return INFINITY;
  const std::size_t rank = std::size_t(found - order.begin());
  const double target = uniform * sums[candidates];
  return std::max({0.0, sums[rank] - target, target - sums[rank + 1]}) / sums[candidates];
}

void sample(Bench& bench, int rows, int count) {
  const SampleSettings settings{float(0.2 + bench.random.uniform()), 0.3 + 0.7 * bench.random.uniform(),
                                bench.between(0, 1) * bench.between(1, 100)};
  const Input<float> logits(bench, bench.gaussian(std::size_t(rows) * std::size_t(count)));
  std::vector<double> numbers;
  for (int row = 0; row < rows; ++row) numbers.push_back(bench.random.uniform());
  const Input<double> uniforms(bench, numbers);
  const Output<int> tokens(bench, std::size_t(rows));
  launch_sample(logits.get(), rows, count, settings, uniforms.get(), tokens.get(), bench.stream);
  const auto got = tokens.read();
  for (int row = 0; row < rows; ++row) {
    const auto begin = logits.host.begin() + std::ptrdiff_t(row) * count;
    bench.compare(
        misplaced({begin, begin + count}, settings, numbers[std::size_t(row)], got[std::size_t(row)]), 0, 1);
  }
}

void sample(Bench& bench) {
  const int rows = bench.between(1, 3);
  sample(bench, rows, bench.between(2, 40000));
}

void penalise(Bench& bench) {
  std::vector<float> expected = bench.gaussian(std::size_t(bench.between(50, 5000)));
  const Output<float> logits(bench, expected.size(), expected);
  std::vector<int> listed(expected.size());
  std::iota(listed.begin(), listed.end(), 0);
  for (std::size_t i = listed.size() - 1; i > 0; --i) std::swap(listed[i], listed[bench.random.below(i + 1)]);
  listed.resize(40);
  const Input<int> tokens(bench, listed);
  for (const int token : listed) {
    float& logit = expected[std::size_t(token)];
    logit = logit > 0 ? logit / 1.3f : logit * 1.3f;
  }
  launch_penalise(logits.get(), tokens.get(), int(listed.size()), 1.3f, bench.stream);
  logits.compare(expected);
}

} // namespace

void add_kernel_cases(std::vector<SelftestKernel>& kernels) {
  const std::vector<SelftestKernel> all{{"gather_rows, f32", 0, gather<float>},
                                        {"gather_rows, f16", 0, gather<Half>},
                                        {"add_residual", single, add},
                                        {"add_bias", single, bias},
                                        {"flip_signs", 0, flip},
                                        {"swiglu, f32", single, swiglu<float>},
                                        {"swiglu, f16", half, swiglu<Half>},
                                        {"rms_norm, f32", single, norm<float>},
                                        {"rms_norm, f16", half, norm<Half>},
                                        {"rotate, f32", single, rotate<float, 0>},
                                        {"rotate, f16", half, rotate<Half, 0>},
                                        {"rotate_normed, f32", single, rotate<float, 1>},
                                        {"rotate_normed, f16", half, rotate<Half, 1>},
                                        {"rotate_gated, f32", single, rotate<float, 2>},
                                        {"rotate_gated, f16", half, rotate<Half, 2>},
                                        {"rope_and_store", half, rope},
                                        {"attention, f32", 1e-4, [](Bench& b) { attention<float>(b); }},
                                        {"attention, f16", half, [](Bench& b) { attention<Half>(b); }},
                                        {"argmax", 0, [](Bench& b) { argmax(b); }},
                                        {"sample", 1e-4, [](Bench& b) { sample(b); }},
                                        {"penalise", single, penalise}};
  kernels.insert(kernels.end(), all.begin(), all.end());
}

void add_real_kernel_cases(std::vector<SelftestKernel>& kernels, int divided_by) {
  const struct {
    const char* model;
    Heads heads;
    int vocabulary;
  } models[] = {{"8B", {32, 8, 128}, 128256}, {"70B", {64, 8, 128}, 128256}, {"135M", {9, 3, 64}, 49152}};
  for (const auto& model : models) {
    const Heads heads = model.heads;
    const int context = 8192 / divided_by, vocabulary = model.vocabulary / divided_by;
    const std::string name = std::string(", ") + model.model;
    kernels.push_back(
        {"attention" + name, half, [=](Bench& bench) { attention<Half>(bench, heads, 2, context); }});
    kernels.push_back({"argmax" + name, 0, [=](Bench& bench) { argmax(bench, 8, vocabulary); }});
    kernels.push_back({"sample" + name, 1e-4, [=](Bench& bench) { sample(bench, 4, vocabulary); }});
  }
}

} // namespace intarsia::cuda
