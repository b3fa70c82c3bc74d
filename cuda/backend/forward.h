// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Enqueues a model's computation of a few tokens on its stream. Nothing here allocates or waits but where an
// observer looks on, so that a decode step can be captured as a graph.
#pragma once

#include <optional>
#include <span>

#include "cuda/backend/activations.h"
#include "cuda/backend/model.h"

namespace intarsia::cuda {

class Forward {
 public:
  Forward(const CudaModel& model, const Activations& activations)
      : model_(model)
      , a_(activations)
      , visible_(activations.capacity) {}

  // From now on positions are smaller than this; at first than the capacity. A captured step keeps what was
  // said when it was captured.
  void see(std::size_t positions) { visible_ = positions; }

  // Whether embed_gathered() can do it: the tokens are then read on the device.
  bool gathers() const;
  void embed_gathered(int count);                  // a_.tokens -> residual
  void embed_decoded(std::span<const int> tokens); // the same for a table in codes
  // Residual through one block; positions are in a_.positions.
  void block(std::size_t index, int tokens);
  // Residual rows [first, first + count) to a_.logits, at most logit_rows().
  void logits(int first, int count);

 private:
  enum class Reads { normed, attended, gated };
  // What the next linears read. Made when asked for, in up to two forms.
  struct Input {
    Reads reads;
    int tokens;
    std::size_t width;
    const float *rows, *gain; // of normed
    bool has_plain = false;
    const std::uint8_t* rotated_by = nullptr;
    int int8_from = -1; // first of the rotated rows that are there in bytes
  };

  void begin(Reads reads, int tokens, const float* rows = nullptr, const float* gain = nullptr);
  const Half* plain_input();
  const Half* rotated_input(const DeviceRotation& rotation);
  const Half* input_of(const CudaLinear& linear);
  Int8Rows int8_input(int first, int count); // of rotated rows
  void observe(const CudaLinear& linear);

  void run(const LaunchBundle& bundle);
  void run(std::span<const CudaLinear* const> group, std::span<const LinearOutput> outputs);
  // Tokens [first, first + count), at most max_decode_rows; outputs are the first token's.
  void run_small(std::span<const CudaLinear* const> group, std::span<const LinearOutput> outputs,
                 const Half* x, int first, int count);
  void multiply(const CudaLinear& linear, const LinearOutput& output, const Half* x);
  LinearOutput output_of(const CudaLinear& linear) const;
  void attend(std::size_t index, int tokens, bool half);
  template <typename Out>
  void attend(const DeviceCache& cache, int tokens, Out* out);

  const CudaModel& model_;
  const Activations& a_;
  std::size_t visible_;
  Input input_{};
  std::optional<DeviceMemory<float>> observed_;
};

} // namespace intarsia::cuda
