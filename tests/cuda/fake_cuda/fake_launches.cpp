// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What cuda/launch/kernel_launches.h and cuda/launch/linears.h launch, computed plainly on the host from the
// headers' words alone. The kernels' own source is tested in the harness of cuda/simt.
#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "core/base/half.h"
#include "core/palette/hadamard.h"
#include "core/palette/rotation_kernel.h"
#include "cuda/launch/linears.h"
#include "tests/cuda/fake_cuda/device_codes.h"
#include "tests/cuda/fake_cuda/fake_runtime.h"

namespace intarsia::cuda {
namespace {

using test::fake::state;
using test::fake::submit;

float value(float x) { return x; }
float value(Half x) { return half_to_float(x); }
void store(float* to, float x) { *to = x; }
void store(Half* to, float x) { *to = float_to_half(x); }

void count_launch() { ++state().launches; }

float silu(float x) { return x / (1 + std::exp(-x)); }

std::vector<float> normed(const float* x, int width, const float* gain, float epsilon) {
  double sum = 0;
  for (int i = 0; i < width; ++i) sum += double(x[i]) * double(x[i]);
  const float scale = float(1 / std::sqrt(sum / width + double(epsilon)));
  std::vector<float> out;
  for (int i = 0; i < width; ++i) out.push_back(x[i] * scale * gain[i]);
  return out;
}

// One row, in place.
void rotate(std::vector<float>& x, const DeviceRotation& r) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (r.signs[i / 8] >> (i % 8) & 1) x[i] = -x[i];
  const std::size_t order = std::size_t(r.order), power = std::size_t(r.power), size = order * power;
  const std::size_t words = (order + 31) / 32;
  for (std::size_t b = 0; b < std::size_t(r.blocks); ++b) {
    std::vector<float> out(size, 0.f);
    for (std::size_t i = 0; i < order; ++i)
      for (std::size_t j = 0; j < order; ++j) {
        const bool negative = order > 1 && (r.hadamard[i * words + j / 32] >> (j % 32) & 1);
        for (std::size_t k = 0; k < power; ++k)
          out[i * power + k] += (negative ? -1.f : 1.f) * x[b * size + j * power + k];
      }
    for (std::size_t i = 0; i < order; ++i) {
      const std::span part = std::span(out).subspan(i * power, power);
      if (power > 1) fast_hadamard(part);
      for (std::size_t k = 0; k < power; ++k) x[b * size + i * power + k] = part[k] / std::sqrt(float(order));
    }
  }
}

template <typename Out, typename Row>
void each_row(const char*, int rows, int width, Out* out, Row row) {
  count_launch();
  submit([=] {
    for (int t = 0; t < rows; ++t) {
      const std::vector<float> values = row(t);
      for (int i = 0; i < width; ++i)
        store(out + std::size_t(t) * std::size_t(width) + i, values[std::size_t(i)]);
    }
  });
}

} // namespace

template <typename Table>
void launch_gather_rows(const Table* table, std::size_t rows, const int* tokens, int count, int width,
                        float* out, cudaStream_t) {
  each_row("gather", count, width, out, [=](int t) {
    if (tokens[t] < 0 || std::size_t(tokens[t]) >= rows)
      throw std::runtime_error("a token outside the table");
    std::vector<float> row;
    for (int i = 0; i < width; ++i)
      row.push_back(value(table[std::size_t(tokens[t]) * std::size_t(width) + std::size_t(i)]));
    return row;
  });
}

void launch_add_residual(const float* x, std::size_t count, float* residual, cudaStream_t) {
  count_launch();
  submit([=] {
    for (std::size_t i = 0; i < count; ++i) residual[i] += x[i];
  });
}

void launch_add_bias(const float* bias, int rows, int width, float* y, std::size_t stride, cudaStream_t) {
  count_launch();
  submit([=] {
    for (int t = 0; t < rows; ++t)
      for (int i = 0; i < width; ++i) y[std::size_t(t) * stride + std::size_t(i)] += bias[i];
  });
}

void launch_flip_signs(const std::uint8_t* signs, int rows, int width, float* x, cudaStream_t) {
  count_launch();
  submit([=] {
    for (int t = 0; t < rows; ++t)
      for (int i = 0; i < width; ++i)
        if (signs[i / 8] >> (i % 8) & 1) x[t * width + i] = -x[t * width + i];
  });
}

template <typename Out>
void launch_swiglu(const Rows& gate, const float* up, Out* out, cudaStream_t) {
  each_row("swiglu", gate.count, gate.width, out, [=](int t) {
    std::vector<float> row;
    for (int i = 0; i < gate.width; ++i) {
      const std::size_t place = std::size_t(t) * gate.stride + std::size_t(i);
      row.push_back(silu(gate.data[place]) * up[place]);
    }
    if (state().swiglu_is_wrong && t == gate.count - 1) row.back() += 1;
    return row;
  });
}

template <typename Out>
void launch_rms_norm(const float* x, int rows, int width, const float* gain, float epsilon, Out* out,
                     cudaStream_t) {
  each_row("norm", rows, width, out,
           [=](int t) { return normed(x + std::size_t(t) * std::size_t(width), width, gain, epsilon); });
}

template <typename Out>
void launch_rotate(const Rows& x, const DeviceRotation& rotation, Out* out, cudaStream_t) {
  each_row("rotate", x.count, x.width, out, [=](int t) {
    const float* from = x.data + std::size_t(t) * x.stride;
    std::vector<float> row(from, from + x.width);
    rotate(row, rotation);
    return row;
  });
}

template <typename Out>
void launch_rotate_normed(const Rows& x, const float* gain, float epsilon, const DeviceRotation& rotation,
                          Out* out, cudaStream_t) {
  each_row("rotate", x.count, x.width, out, [=](int t) {
    auto row = normed(x.data + std::size_t(t) * x.stride, x.width, gain, epsilon);
    rotate(row, rotation);
    return row;
  });
}

template <typename Out>
void launch_rotate_gated(const Rows& gate, const float* up, const DeviceRotation& rotation, Out* out,
                         cudaStream_t) {
  each_row("rotate", gate.count, gate.width, out, [=](int t) {
    std::vector<float> row;
    for (int i = 0; i < gate.width; ++i) {
      const std::size_t place = std::size_t(t) * gate.stride + std::size_t(i);
      row.push_back(silu(gate.data[place]) * up[place]);
    }
    rotate(row, rotation);
    return row;
  });
}

void launch_rope_and_store(float* q, const float* k, const float* v, std::size_t stride, int tokens,
                           const float* frequencies, const int* positions, const Heads& h,
                           const DeviceCache& cache, cudaStream_t) {
  count_launch();
  submit([=] {
    const int half = h.head_dim / 2, kv_dim = h.kv_heads * h.head_dim;
    for (int t = 0; t < tokens; ++t) {
      if (positions[t] < 0 || positions[t] >= cache.capacity) throw std::runtime_error("a position outside");
      Half* keys = cache.keys + std::size_t(positions[t]) * std::size_t(kv_dim);
      Half* values = cache.values + std::size_t(positions[t]) * std::size_t(kv_dim);
      for (int i = 0; i < (h.heads + h.kv_heads) * half; ++i) {
        const bool is_query = i < h.heads * half;
        const int pair = is_query ? i : i - h.heads * half, a = pair / half * h.head_dim + pair % half;
        const float angle = float(positions[t]) * frequencies[pair % half];
        const float c = std::cos(angle), s = std::sin(angle);
        float* row = q + std::size_t(t) * stride;
        const float* from = is_query ? row : k + std::size_t(t) * stride;
        const float x = from[a] * c - from[a + half] * s, y = from[a + half] * c + from[a] * s;
        if (is_query) {
          row[a] = x;
          row[a + half] = y;
        } else {
          keys[a] = float_to_half(x);
          keys[a + half] = float_to_half(y);
        }
      }
      for (int i = 0; i < kv_dim; ++i) values[i] = float_to_half(v[std::size_t(t) * stride + std::size_t(i)]);
    }
  });
}

template <typename Out>
void launch_attention(const float* q, std::size_t stride, int tokens, const int* positions, const Heads& h,
                      const DeviceCache& cache, int visible, float scale, float* scratch, Out* out,
                      cudaStream_t) {
  const std::size_t scratch_size = attention_scratch(h, std::size_t(visible), std::size_t(tokens));
  each_row("attention", tokens, h.heads * h.head_dim, out, [=](int t) {
    std::fill_n(scratch, scratch_size, 0.f); // has to be there
    if (positions[t] >= visible || visible > cache.capacity)
      throw std::runtime_error("a position not visible");
    std::vector<float> row;
    const std::size_t dim = std::size_t(h.head_dim), kv_dim = std::size_t(h.kv_heads) * dim;
    for (std::size_t head = 0; head < std::size_t(h.heads); ++head) {
      const std::size_t offset = head / std::size_t(h.heads / h.kv_heads) * dim;
      const float* query = q + std::size_t(t) * stride + head * dim;
      std::vector<double> weights;
      double sum = 0;
      for (std::size_t p = 0; p <= std::size_t(positions[t]); ++p) {
        double dot = 0;
        for (std::size_t i = 0; i < dim; ++i)
          dot += double(query[i]) * double(value(cache.keys[p * kv_dim + offset + i]));
        weights.push_back(std::exp(dot * double(scale)));
        sum += weights.back();
      }
      for (std::size_t i = 0; i < dim; ++i) {
        double x = 0;
        for (std::size_t p = 0; p < weights.size(); ++p)
          x += weights[p] / sum * double(value(cache.values[p * kv_dim + offset + i]));
        row.push_back(float(x));
      }
    }
    return row;
  });
}

namespace {
bool is_damaged(const float* logits, int count) {
  return std::any_of(logits, logits + count, [](float logit) { return !std::isfinite(logit); });
}
} // namespace

void launch_argmax(const float* logits, int rows, int count, int* tokens, cudaStream_t) {
  count_launch();
  submit([=] {
    for (int row = 0; row < rows; ++row) {
      const float* begin = logits + std::size_t(row) * std::size_t(count);
      tokens[row] = is_damaged(begin, count) ? -1 : int(std::max_element(begin, begin + count) - begin);
    }
  });
}

// As core's Sampler, which has random numbers of its own, does.
void launch_sample(const float* logits, int rows, int count, const SampleSettings& settings,
                   const double* uniforms, int* tokens, cudaStream_t) {
  count_launch();
  submit([=] {
    for (int row = 0; row < rows; ++row) {
      if (is_damaged(logits + std::size_t(row) * std::size_t(count), count)) {
        tokens[row] = -1;
        continue;
      }
      std::vector<std::pair<double, int>> order;
      for (int i = 0; i < count; ++i)
        order.push_back({-double(logits[std::size_t(row) * std::size_t(count) + std::size_t(i)]), i});
      std::sort(order.begin(), order.end());
      if (settings.top_k > 0 && settings.top_k < count) order.resize(std::size_t(settings.top_k));
      double total = 0, kept = 0, sum = 0;
      const auto weight = [&](const auto& entry) {
        return std::exp((order[0].first - entry.first) / double(settings.temperature));
      };
      for (const auto& entry : order) total += weight(entry);
      std::size_t end = 0;
      while (end < order.size() && kept < settings.top_p * total) kept += weight(order[end++]);
      for (std::size_t i = 0; i < end && sum <= uniforms[row] * kept; ++i) {
        sum += weight(order[i]);
        tokens[row] = order[i].second;
      }
    }
  });
}

void launch_penalise(float* logits, const int* tokens, int listed, float penalty, cudaStream_t) {
  count_launch();
  submit([=] {
    for (int i = 0; i < listed; ++i) {
      float& logit = logits[tokens[i]];
      logit = logit > 0 ? logit / penalty : logit * penalty;
    }
  });
}

#include "cuda/launch/kernel_instances.inc"

// --- linears

namespace {

// What a row of bytes stands for.
std::vector<float> activations(const Int8Rows& rows, std::size_t d_in) {
  std::vector<float> x(d_in, 0.f);
  for (int term = 0; term < rows.terms; ++term)
    for (std::size_t k = 0; k < d_in; ++k) {
      const std::size_t word = k / 64 * 16 + k % 64 / 16 * 4 + k % 4, byte = k % 16 / 4;
      const std::uint32_t bits = rows.words[std::size_t(term * rows.steps) * int8_step_words + word];
      x[k] += rows.scales[term] * float(std::int8_t(bits >> (8 * byte) & 0xFF));
    }
  return x;
}

// Of one row; scale: of term 0.
void to_bytes(const std::vector<float>& x, const Int8Rows& to) {
  float largest = 0;
  for (const float value : x) largest = std::isnan(value) ? value : std::max(largest, std::abs(value));
  to.scales[0] = largest / 127;
  if (to.terms > 1) to.scales[1] = to.scales[0] / int8_second;
  std::vector<float> rest = x;
  for (int term = 0; term < to.terms; ++term)
    for (int step = 0; step < to.steps; ++step) {
      std::uint32_t* words = to.words + std::size_t(term * to.steps + step) * int8_step_words;
      std::fill_n(words, int8_step_words, 0u);
      int& sum = to.sums[term * to.steps + step] = 0;
      for (std::size_t k = 0; k < 64 && std::size_t(step) * 64 + k < x.size(); ++k) {
        float& value = rest[std::size_t(step) * 64 + k];
        const float scale = to.scales[term];
        const int q = scale > 0 && std::isfinite(scale) ? int(std::nearbyint(value / scale)) : 0;
        value -= scale * float(q);
        sum += q;
        words[k / 16 * 4 + k % 4] |= std::uint32_t(std::uint8_t(q)) << (8 * (k % 16 / 4));
      }
    }
}

} // namespace

void launch_quantize_rows(const Half* x, int rows, int d_in, const Int8Rows& to, cudaStream_t) {
  count_launch();
  submit([=] {
    for (int row = 0; row < rows; ++row) {
      std::vector<float> values;
      for (int k = 0; k < d_in; ++k)
        values.push_back(value(x[std::size_t(row) * std::size_t(d_in) + std::size_t(k)]));
      to_bytes(values, to.from(std::size_t(row)));
    }
  });
}

void launch_linear_group(std::span<const DeviceLinear> group, const LinearInput& input, int batch,
                         std::span<const LinearOutput> outputs, KernelPath path, const LinearScratch& scratch,
                         cudaStream_t) {
  ++state().groups;
  count_launch();
  if (group.empty() || group.size() > std::size_t(max_fused) || batch < 1 || batch > max_decode_rows)
    throw std::runtime_error("a group that cannot be launched");
  for (const DeviceLinear& linear : group)
    if (linear.quantizer != group[0].quantizer || linear.d_in != group[0].d_in ||
        linear.codebook != group[0].codebook || !supports(linear.quantizer, path, batch))
      throw std::runtime_error("a group of unlike linears");
  const bool in_bytes = is_trellis(group[0].quantizer);
  if (in_bytes &&
      (!scratch.sums || !scratch.arrived || input.int8.steps != int8_steps(std::size_t(group[0].d_in))))
    throw std::runtime_error("a trellis without what it reads or works in");
  const std::vector<DeviceLinear> linears(group.begin(), group.end());
  const std::vector<LinearOutput> to(outputs.begin(), outputs.end());
  submit([=] {
    const std::size_t d_in = std::size_t(linears[0].d_in);
    std::vector<std::vector<float>> x(static_cast<std::size_t>(batch));
    for (std::size_t t = 0; t < x.size(); ++t)
      if (in_bytes)
        x[t] = activations(input.int8.from(t), d_in);
      else
        for (std::size_t k = 0; k < d_in; ++k) x[t].push_back(value(input.x[t * d_in + k]));
    for (std::size_t i = 0; i < linears.size(); ++i) {
      const std::vector<float> w = test::decode_device_rows(linears[i], 0, linears[i].d_out);
      for (std::size_t t = 0; t < x.size(); ++t)
        for (std::size_t r = 0; r < std::size_t(linears[i].d_out); ++r) {
          float sum = 0;
          for (std::size_t k = 0; k < d_in; ++k) sum += w[r * d_in + k] * x[t][k];
          to[i].y[t * to[i].stride + r] = sum;
        }
    }
  });
}

void launch_decode_rows(const DeviceLinear& linear, int first, int count, Half* out, std::size_t stride,
                        cudaStream_t) {
  count_launch();
  if (first < 0 || count < 1 || first + count > linear.d_out || stride < std::size_t(linear.d_in))
    throw std::runtime_error("rows that are not there");
  submit([=] {
    const auto rows = test::decode_device_rows(linear, first, count);
    for (int r = 0; r < count; ++r)
      for (int k = 0; k < linear.d_in; ++k)
        out[std::size_t(r) * stride + std::size_t(k)] = float_to_half(rows[std::size_t(r * linear.d_in + k)]);
  });
}

struct Gemm::Library {};

Gemm::Gemm(void*, std::size_t) {
  if (!state().cublas_there) throw std::runtime_error("libcublas is not there");
  ++state().cublas_handles;
  state().cublas_loaded = true;
}
Gemm::~Gemm() { --state().cublas_handles; }

void Gemm::multiply(const Half* w, std::size_t w_stride, int rows, const Half* x, std::size_t x_stride,
                    int tokens, int d_in, float* y, std::size_t y_stride, cudaStream_t) const {
  ++state().gemms;
  submit([=] {
    for (std::size_t t = 0; t < std::size_t(tokens); ++t)
      for (std::size_t r = 0; r < std::size_t(rows); ++r) {
        float sum = 0;
        for (std::size_t k = 0; k < std::size_t(d_in); ++k)
          sum += value(w[r * w_stride + k]) * value(x[t * x_stride + k]);
        y[t * y_stride + r] = sum;
      }
  });
}

void Gemm::multiply_dense(const float* w, int rows, int columns, const float* x, int tokens, float* y,
                          cudaStream_t) const {
  ++state().gemms;
  submit([=] {
    for (int t = 0; t < tokens; ++t)
      for (int r = 0; r < rows; ++r) {
        float sum = 0;
        for (int k = 0; k < columns; ++k) sum += w[r * columns + k] * x[t * columns + k];
        y[t * rows + r] = sum;
      }
  });
}

void Gemm::add_dense_transposed(const float* w, int rows, int columns, const float* y, int tokens, float* x,
                                bool add, cudaStream_t) const {
  ++state().gemms;
  submit([=] {
    for (int t = 0; t < tokens; ++t)
      for (int k = 0; k < columns; ++k) {
        float sum = add ? x[t * columns + k] : 0;
        for (int r = 0; r < rows; ++r) sum += y[t * rows + r] * w[r * columns + k];
        x[t * columns + k] = sum;
      }
  });
}

} // namespace intarsia::cuda
