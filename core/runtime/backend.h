// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a device does with a model. The CPU's is here in core/; CUDA's lives in a worker process behind the
// same face.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/kv_precision.h"
#include "core/runtime/weight_source.h"

namespace intarsia {

class DenseProducts;

// One sequence with its KV cache. Not thread-safe.
class Sequence {
 public:
  virtual ~Sequence() = default;
  virtual std::size_t length() const = 0;   // tokens in the cache
  virtual std::size_t capacity() const = 0; // tokens it can hold
  // Forgets all but the first `length` tokens (to regenerate, or to reuse a shared prefix).
  virtual void truncate(std::size_t length) = 0;
  // Appends tokens and computes logits. Throws Error{usage} past the capacity or for an id outside the
  // vocabulary. last_only: one row of `vocabulary` logits, for the last token; else one row a token.
  virtual std::vector<float> forward(std::span<const int> tokens, bool last_only, std::stop_token stop) = 0;
};

// Several sequences that grow by a token each at every step.
class SequenceBatch {
 public:
  virtual ~SequenceBatch() = default;
  // Appends tokens[i] to sequence i. Logits of what comes next in each, [sequences, vocabulary].
  virtual std::vector<float> step(std::span<const int> tokens, std::stop_token stop) = 0;
};

// Sees what linears of the blocks read: `input` is LinearLayer::input, x is [tokens, d_in] before any
// rotation.
using InputObserver =
    std::function<void(const std::string& input, std::span<const float> x, std::size_t tokens)>;

// A model ready to run on a device. Several sequences may exist, and threads of their own may run them: they
// compute one after another.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const LayerGraph& graph() const = 0;
  virtual std::unique_ptr<Sequence> new_sequence(std::size_t capacity) = 0;
  // `count` empty sequences.
  virtual std::unique_ptr<SequenceBatch> new_batch(std::size_t count, std::size_t capacity);
  // So many pay in a batch; 1 where a batch is computed one sequence after another.
  virtual std::size_t batch_size() const { return 1; }
  // Appends tokens[i] to sequences[i], which are this model's and not the same, and computes the logits of
  // what comes next in each, [sequences, vocabulary]. On an Error none has grown. Where batch_size() is above
  // 1 the weights are read once for all of them.
  virtual std::vector<float> step(std::span<Sequence* const> sequences, std::span<const int> tokens,
                                  std::stop_token stop);
  // Puts other weights in a layer's place (sensitivity, what-if). Same shape, or Error{internal}.
  virtual void replace_linear(std::string_view name, LinearWeights weights) = 0;
  // Where products with dense matrices are done best; unless a backend does better: on the CPU.
  virtual const DenseProducts& products() const;
  virtual std::uint64_t weight_bytes() const = 0; // resident bytes of all weights
  // What the user should know of how it runs on this device, a sentence; empty where there is nothing.
  virtual std::string note() const { return {}; }
  // Called on the computing thread with every input of every block, until an empty one takes its place.
  virtual void observe_inputs(InputObserver observer) = 0;
};

struct CpuOptions {
  bool half_precision_cache = true; // KV cache in f16 (else f32)
  bool quantized_cache = false;     // KV cache in q8, whatever the above says
  KvPrecision kv_cache() const {
    return quantized_cache ? KvPrecision::q8 : half_precision_cache ? KvPrecision::f16 : KvPrecision::f32;
  }
  // Dense linears are kept in f32, or rounded to f16 to halve memory and traffic; arithmetic is f32 either
  // way.
  bool half_precision_weights = false;
  // How trellis, NUQ and VQ linears read their rotated input: in one int8 with a scale a token, in 2 (a
  // second for what the first leaves over, about 15 bits together), or 0: in f32, decoding to f32.
  std::size_t activation_terms = 1;
};

std::unique_ptr<LanguageModel> load_on_cpu(const WeightSource& weights, const CpuOptions& options,
                                           const JobControl& control);

// Bytes a sequence of `context` tokens takes on the CPU: KV cache and scratch buffers, from the layer graph.
std::uint64_t cpu_sequence_bytes(const ModelConfig& config, std::size_t context, const CpuOptions& options);
// Bytes that the CPU's threads hold decoded rows in.
std::uint64_t cpu_scratch_bytes(const LayerGraph& graph);

} // namespace intarsia
