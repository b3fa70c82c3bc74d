// SPDX-License-Identifier: GPL-3.0-or-later
// A sequence in device memory: long prompts in chunks, a single token by a captured graph.
#pragma once

#include "cuda/decode_graph.h"
#include "cuda/forward.h"

namespace intarsia::cuda {

class CudaSequence : public Sequence {
 public:
  // The model must outlive it.
  CudaSequence(CudaModel& model, std::size_t capacity);

  std::size_t length() const override { return length_; }
  std::size_t capacity() const override { return capacity_; }
  void truncate(std::size_t length) override { length_ = std::min(length_, length); }
  std::vector<float> forward(std::span<const int> tokens, bool last_only, std::stop_token stop) override;
  std::vector<float> embed(std::span<const int> tokens) override;
  void run_blocks(std::span<float> residual, std::size_t first, std::size_t last,
                  std::stop_token stop) override;
  std::vector<float> to_logits(std::span<const float> residual) override;

 private:
  void check_tokens(std::span<const int> tokens) const;
  void stage(std::span<const int> tokens, std::size_t count, std::size_t position);
  void embed_chunk(std::span<const int> tokens);
  void run_chunk(std::span<const int> tokens, std::stop_token stop);
  void enqueue_step();
  void decode(int token);
  void read_logits(int first, int count, std::span<float> out);

  CudaModel& model_;
  std::size_t capacity_, chunk_, logit_rows_, length_ = 0;
  Arena arena_;
  Activations activations_;
  Forward forward_;
  PinnedMemory<int> staged_;   // tokens, then positions
  PinnedMemory<float> logits_; // of one token
  DecodeGraph step_;
  std::uint64_t step_version_ = 0; // of the model when the step was last run
  bool warm_ = false;              // every kernel of a step has run since
};

} // namespace intarsia::cuda
