// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/backend/forward.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace intarsia::cuda {
namespace {

constexpr int panel_rows = 64;

}

// --- embedding

bool Forward::gathers() const {
  const CudaLinear& table = model_.embedding;
  return table.is_f16() && f16_stride(model_.config_.hidden) == model_.config_.hidden;
}

void Forward::embed_gathered(int count) {
  const ModelConfig& config = model_.config_;
  launch_gather_rows(static_cast<const Half*>(model_.embedding.weights.codes), config.vocabulary, a_.tokens,
                     count, int(config.hidden), a_.residual, model_.stream);
}

void Forward::embed_decoded(std::span<const int> tokens) {
  const CudaLinear& table = model_.embedding;
  const int hidden = int(model_.config_.hidden), count = int(tokens.size());
  for (std::size_t t = 0; t < tokens.size(); ++t)
    launch_decode_rows(table.weights, tokens[t], 1, a_.plain + t * std::size_t(hidden), std::size_t(hidden),
                       model_.stream);
  float* rows = table.rotated() ? a_.out : a_.residual;
  launch_gather_rows(a_.plain, tokens.size(), a_.row_numbers, count, hidden, rows, model_.stream);
  if (!table.rotated()) return;
  launch_rotate(Rows{a_.out, std::size_t(hidden), count, hidden}, model_.inverse_of(table.rotation),
                a_.residual, model_.stream);
  launch_flip_signs(table.rotation.signs, count, hidden, a_.residual, model_.stream);
}

// --- what linears read

void Forward::begin(Reads reads, int tokens, const float* rows, const float* gain) {
  const ModelConfig& config = model_.config_;
  const std::size_t width = reads == Reads::normed     ? config.hidden
                            : reads == Reads::attended ? config.attention_dim()
                                                       : config.intermediate;
  input_ = {reads, tokens, width, rows, gain};
}

const Half* Forward::plain_input() {
  if (input_.has_plain) return a_.plain;
  const int tokens = input_.tokens, width = int(input_.width);
  if (input_.reads == Reads::normed)
    launch_rms_norm(input_.rows, tokens, width, input_.gain, float(model_.config_.rms_epsilon), a_.plain,
                    model_.stream);
  else // attention has written it already
    launch_swiglu(Rows{a_.gate_up, a_.gate_stride(), tokens, width}, a_.up(), a_.plain, model_.stream);
  input_.has_plain = true;
  return a_.plain;
}

const Half* Forward::rotated_input(const DeviceRotation& rotation) {
  if (input_.rotated_by == rotation.signs) return a_.rotated;
  const int tokens = input_.tokens, width = int(input_.width);
  switch (input_.reads) {
  case Reads::normed:
    launch_rotate_normed(Rows{input_.rows, input_.width, tokens, width}, input_.gain,
                         float(model_.config_.rms_epsilon), rotation, a_.rotated, model_.stream);
    break;
  case Reads::attended:
    launch_rotate(Rows{a_.attended, input_.width, tokens, width}, rotation, a_.rotated, model_.stream);
    break;
  case Reads::gated:
    launch_rotate_gated(Rows{a_.gate_up, a_.gate_stride(), tokens, width}, a_.up(), rotation, a_.rotated,
                        model_.stream);
    break;
  }
  input_.rotated_by = rotation.signs;
  input_.int8_from = -1;
  return a_.rotated;
}

const Half* Forward::input_of(const CudaLinear& linear) {
  return linear.rotated() ? rotated_input(linear.rotation) : plain_input();
}

Int8Rows Forward::int8_input(int first, int count) {
  const Int8Rows rows = int8_rows_in(a_.int8, max_decode_rows, input_.width, int8_terms);
  if (input_.int8_from != first)
    launch_quantize_rows(a_.rotated + std::size_t(first) * input_.width, count, int(input_.width), rows,
                         model_.stream);
  input_.int8_from = first;
  return rows;
}

// Hands the input over in f32, before any rotation.
void Forward::observe(const CudaLinear& linear) {
  if (!model_.observer) return;
  const int tokens = input_.tokens, width = int(input_.width);
  const std::size_t count = std::size_t(tokens) * input_.width;
  const float* from = a_.attended;
  if (input_.reads != Reads::attended) {
    if (!observed_ || observed_->count() < count) {
      observed_.reset();
      observed_.emplace(count, "activations that are observed");
    }
    from = observed_->get();
    if (input_.reads == Reads::normed)
      launch_rms_norm(input_.rows, tokens, width, input_.gain, float(model_.config_.rms_epsilon),
                      observed_->get(), model_.stream);
    else
      launch_swiglu(Rows{a_.gate_up, a_.gate_stride(), tokens, width}, a_.up(), observed_->get(),
                    model_.stream);
  }
  std::vector<float> x(count);
  copy_to_host(std::span(x), from, model_.stream, "reading activations");
  model_.observer(linear.layer->input, x, std::size_t(tokens));
}

// --- linears

LinearOutput Forward::output_of(const CudaLinear& linear) const {
  switch (linear.layer->role) {
  case LinearRole::q:
    return {a_.qkv, a_.qkv_stride()};
  case LinearRole::k:
    return {a_.k(), a_.qkv_stride()};
  case LinearRole::v:
    return {a_.v(), a_.qkv_stride()};
  case LinearRole::gate:
    return {a_.gate_up, a_.gate_stride()};
  case LinearRole::up:
    return {a_.up(), a_.gate_stride()};
  case LinearRole::o:
  case LinearRole::down:
    return {a_.out, model_.config_.hidden};
  default:
    return {a_.logits, model_.config_.vocabulary};
  }
}

void Forward::run(const LaunchBundle& bundle) {
  observe(model_.linears[bundle[0][0]]);
  for (const LaunchGroup& group : bundle) {
    std::array<const CudaLinear*, max_fused> linears;
    std::array<LinearOutput, max_fused> outputs;
    for (std::size_t i = 0; i < group.size(); ++i) {
      linears[i] = &model_.linears[group[i]];
      outputs[i] = output_of(*linears[i]);
    }
    run(std::span(linears).first(group.size()), std::span(outputs).first(group.size()));
  }
}

void Forward::run(std::span<const CudaLinear* const> group, std::span<const LinearOutput> outputs) {
  const Half* x = input_of(*group[0]);
  const int tokens = input_.tokens;
  if (tokens > max_decode_rows && model_.gemm)
    for (std::size_t i = 0; i < group.size(); ++i) multiply(*group[i], outputs[i], x);
  else
    for (int first = 0; first < tokens; first += max_decode_rows)
      run_small(group, outputs, x, first, std::min(max_decode_rows, tokens - first));
  for (std::size_t i = 0; i < group.size(); ++i)
    if (group[i]->bias)
      launch_add_bias(group[i]->bias, tokens, group[i]->weights.d_out, outputs[i].y, outputs[i].stride,
                      model_.stream);
}

void Forward::run_small(std::span<const CudaLinear* const> group, std::span<const LinearOutput> outputs,
                        const Half* x, int first, int count) {
  std::array<DeviceLinear, max_fused> weights;
  std::array<LinearOutput, max_fused> places;
  for (std::size_t i = 0; i < group.size(); ++i) {
    weights[i] = group[i]->weights;
    places[i] = {outputs[i].y + std::size_t(first) * outputs[i].stride, outputs[i].stride};
  }
  const QuantizerId id = weights[0].quantizer;
  LinearInput input{x + std::size_t(first) * input_.width, {}};
  if (is_trellis(id)) input.int8 = int8_input(first, count);
  launch_linear_group(std::span(weights).first(group.size()), input, count,
                      std::span(places).first(group.size()), kernel_for(id, group[0]->planned_kernel, count),
                      model_.scratch, model_.stream);
}

// Decodes as many rows as the workspace holds, and multiplies them while they are in the cache.
void Forward::multiply(const CudaLinear& linear, const LinearOutput& output, const Half* x) {
  const DeviceLinear& w = linear.weights;
  const std::size_t stride = f16_stride(std::size_t(w.d_in));
  const auto gemm = [&](const Half* rows, int first, int count) {
    model_.gemm->multiply(rows, stride, count, x, input_.width, input_.tokens, w.d_in, output.y + first,
                          output.stride, model_.stream);
  };
  const std::uint64_t fits = model_.workspace.plan().part("decoded").bytes / (sizeof(Half) * stride);
  if (linear.is_f16()) return gemm(static_cast<const Half*>(w.codes), 0, w.d_out);
  if (fits == 0) { // a replacement in a model that had no codes
    const CudaLinear* alone = &linear;
    for (int first = 0; first < input_.tokens; first += max_decode_rows)
      run_small(std::span(&alone, 1), std::span(&output, 1), x, first,
                std::min(max_decode_rows, input_.tokens - first));
    return;
  }
  Half* decoded = model_.workspace.at<Half>("decoded");
  int step = int(std::min<std::uint64_t>(fits, std::uint64_t(w.d_out)));
  if (step > panel_rows) step = step / panel_rows * panel_rows; // no panel is decoded twice
  for (int first = 0; first < w.d_out; first += step) {
    const int count = std::min(step, w.d_out - first);
    launch_decode_rows(w, first, count, decoded, stride, model_.stream);
    gemm(decoded, first, count);
  }
}

// --- blocks

template <typename Out>
void Forward::attend(const DeviceCache& cache, int tokens, Out* out) {
  const Heads heads = model_.heads();
  const std::size_t width = model_.config_.attention_dim();
  const float scale = 1 / std::sqrt(float(heads.head_dim));
  const int step = int(attention_tokens(model_.config_, visible_));
  for (int first = 0; first < tokens; first += step)
    launch_attention(a_.qkv + std::size_t(first) * a_.qkv_stride(), a_.qkv_stride(),
                     std::min(step, tokens - first), a_.positions + first, heads, cache, int(visible_), scale,
                     a_.attention, out + std::size_t(first) * width, model_.stream);
}

// Writes the next linear's input at once where that reads it as it is.
void Forward::attend(std::size_t index, int tokens, bool half) {
  const DeviceCache cache = a_.cache(index);
  launch_rope_and_store(a_.qkv, a_.k(), a_.v(), a_.qkv_stride(), tokens, model_.rope_frequencies,
                        a_.positions, model_.heads(), cache, model_.stream);
  begin(Reads::attended, tokens);
  if (half) attend(cache, tokens, a_.plain);
  if (!half || model_.observer) attend(cache, tokens, a_.attended);
  input_.has_plain = half;
}

void Forward::block(std::size_t index, int tokens) {
  const CudaBlock& block = model_.blocks[index];
  const std::size_t count = std::size_t(tokens) * model_.config_.hidden;
  begin(Reads::normed, tokens, a_.residual, block.input_norm);
  run(block.qkv);
  attend(index, tokens, !model_.linears[block.out[0][0]].rotated());
  run(block.out);
  launch_add_residual(a_.out, count, a_.residual, model_.stream);
  begin(Reads::normed, tokens, a_.residual, block.attention_norm);
  run(block.mlp);
  begin(Reads::gated, tokens);
  run(block.down);
  launch_add_residual(a_.out, count, a_.residual, model_.stream);
}

void Forward::logits(int first, int count) {
  begin(Reads::normed, count, a_.residual + std::size_t(first) * model_.config_.hidden, model_.final_norm);
  const CudaLinear* head = &model_.head();
  const LinearOutput output = output_of(*head);
  run(std::span(&head, 1), std::span(&output, 1));
}

} // namespace intarsia::cuda
