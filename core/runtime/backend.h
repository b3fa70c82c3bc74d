// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The interface of a model that is loaded on a device. This process implements it for the CPU (load_on_cpu);
// core/worker/worker_model.h forwards it to a model in a worker process, which may be on a GPU.
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
  // Removes all but the first `length` tokens from the cache (to regenerate, or to reuse a shared prefix); no
  // effect where it holds fewer.
  virtual void truncate(std::size_t length) = 0;
  // Appends tokens and computes logits. Throws Error{usage} past the capacity or for an id outside the
  // vocabulary. last_only: one row of `vocabulary` logits, for the last token; else one row per token. Throws
  // Error{cancelled} on stop; the cache then holds what it held before, or some of the tokens too.
  virtual std::vector<float> forward(std::span<const int> tokens, bool last_only, std::stop_token stop) = 0;
};

// Several sequences of the same length that grow by one token each at every step.
class SequenceBatch {
 public:
  virtual ~SequenceBatch() = default;
  // Appends tokens[i] to sequence i; one token per sequence. Returns the logits of the next token of each,
  // [sequences, vocabulary]. Throws an Error past the capacity.
  virtual std::vector<float> step(std::span<const int> tokens, std::stop_token stop) = 0;
};

// Receives the activations that the linear layers of the blocks read: `input` is LinearLayer::input (layers
// with the same input share one call), x is [tokens, d_in] before any rotation.
using InputObserver =
    std::function<void(const std::string& input, std::span<const float> x, std::size_t tokens)>;

// A model that is ready to run on a device. Any number of sequences may exist, and each may be used by a
// thread of its own: their computations are serialized.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const LayerGraph& graph() const = 0;
  // An empty sequence with a KV cache for `capacity` tokens. The model must outlive it. Throws
  // Error{resource} where memory does not suffice.
  virtual std::unique_ptr<Sequence> new_sequence(std::size_t capacity) = 0;
  // `count` empty sequences of `capacity` tokens each.
  virtual std::unique_ptr<SequenceBatch> new_batch(std::size_t count, std::size_t capacity);
  // Sequences per batch up to which a batch is faster than its sequences one by one; 1 where a batch is
  // computed one sequence after another.
  virtual std::size_t batch_size() const { return 1; }
  // Appends tokens[i] to sequences[i], which are distinct sequences of this model, and returns the logits of
  // the next token of each, [sequences, vocabulary]. After an Error all have their former length. Where
  // batch_size() is above 1 the weights are read once for all of them.
  virtual std::vector<float> step(std::span<Sequence* const> sequences, std::span<const int> tokens,
                                  std::stop_token stop);
  // Replaces the weights of the linear layer of that name (to measure its sensitivity). Throws
  // Error{internal} where the shape differs or no layer has the name.
  virtual void replace_linear(std::string_view name, LinearWeights weights) = 0;
  // Products with dense matrices on the model's device; by default on the CPU.
  virtual const DenseProducts& products() const;
  virtual std::uint64_t weight_bytes() const = 0; // resident bytes of all weights
  // A sentence for the user about how the model runs on this device (for example that prompts are slower, as
  // a library is missing); usually empty.
  virtual std::string note() const { return {}; }
  // `observer` is called on the computing thread with every input of every block. An empty one ends that.
  virtual void observe_inputs(InputObserver observer) = 0;
};

struct CpuOptions {
  bool half_precision_cache = true; // KV cache in f16 (else f32)
  bool quantized_cache = false;     // KV cache in q8; takes precedence over the above
  KvPrecision kv_cache() const {
    return quantized_cache ? KvPrecision::q8 : half_precision_cache ? KvPrecision::f16 : KvPrecision::f32;
  }
  // Dense linear layers are stored rounded to f16, which halves memory and traffic, else in f32. Arithmetic
  // is f32 either way.
  bool half_precision_weights = false;
  // Embedding and head in f16 are rounded to 8 bits (ByteLinear) as they are read, unless activations are in
  // f32.
  bool byte_vocabulary = false;
  // How trellis, NUQ and VQ layers read their rotated input. 1: rounded to int8 with a scale per token; 2:
  // the rounding error in a second int8 too, about 15 bits together; 0: in f32, with weights decoded to f32.
  std::size_t activation_terms = 1;

  // What an artifact runs with.
  static CpuOptions of_artifact() { return {.half_precision_weights = true, .byte_vocabulary = true}; }
};

// Progress is in layers. Throws Error{input} naming a tensor that is missing or damaged, Error{resource}
// where memory does not suffice, Error{cancelled} on stop.
std::unique_ptr<LanguageModel> load_on_cpu(const WeightSource& weights, const CpuOptions& options,
                                           const JobControl& control);

// Bytes that a sequence of `context` tokens takes on the CPU: KV cache and activation buffers.
std::uint64_t cpu_sequence_bytes(const ModelConfig& config, std::size_t context, const CpuOptions& options);
// Bytes of the buffers for decoded rows, over all threads of this process.
std::uint64_t cpu_scratch_bytes(const LayerGraph& graph);

} // namespace intarsia
