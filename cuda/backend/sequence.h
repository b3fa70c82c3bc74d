// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A sequence in device memory: long prompts in chunks, a single token by a captured graph, in which the next
// one is sampled too.
#pragma once

#include <optional>

#include "core/runtime/generator.h"
#include "cuda/backend/decode_graph.h"
#include "cuda/backend/forward.h"

namespace intarsia::cuda {

class CudaSequence : public SamplingSequence {
 public:
  // The model must outlive it.
  CudaSequence(CudaModel& model, std::size_t capacity);
  ~CudaSequence() override;

  std::size_t length() const override { return length_; }
  std::size_t capacity() const override { return capacity_; }
  void truncate(std::size_t length) override { length_ = std::min(length_, length); }
  std::vector<float> forward(std::span<const int> tokens, bool last_only, std::stop_token stop) override;

  bool can_sample(const SamplingSettings& settings) const override;
  int next_token(std::span<const int> tokens, const SamplingSettings& settings, double uniform,
                 std::span<const int> history, std::stop_token stop) override;

 private:
  // How a token is sampled; a captured step holds it.
  struct TokenChoice {
    float temperature; // 0: the likeliest
    double top_p;
    int top_k; // 0: all
    bool operator==(const TokenChoice&) const = default;
  };
  // One token's launches. The first time they run one by one, which loads the kernels; the second time they
  // are captured.
  struct Step {
    DecodeGraph graph;
    std::uint64_t version = 0; // of the model when it was last run
    bool warm = false;         // every kernel of it has run since
    std::size_t visible = 0;   // positions that attention was made for

    void forget() {
      graph.reset();
      warm = false;
    }
  };

  void check_tokens(std::span<const int> tokens) const;
  void stage(std::span<const int> tokens);
  void run_chunk(std::span<const int> tokens, std::stop_token stop);
  void read_logits(int first, int count, std::span<float> out);

  void begin_step(int token);
  std::size_t visible_positions() const;
  void enqueue_step();
  template <typename Enqueue>
  void run(Step& step, const Enqueue& enqueue);
  void decode(int token);

  TokenChoice token_choice(const SamplingSettings& settings) const;
  void enqueue_choice(const TokenChoice& choice);
  void penalise(std::span<const int> history, double penalty);
  void compute_last_logits(std::span<const int> tokens, std::stop_token stop);

  CudaModel& model_;
  std::size_t capacity_, chunk_, logit_rows_, length_ = 0;
  Arena arena_;
  Activations activations_;
  Forward forward_;
  PinnedMemory<int> staged_;   // tokens, then positions
  PinnedMemory<float> logits_; // of one token
  PinnedMemory<double> uniform_;
  PinnedMemory<int> sampled_;
  std::optional<PinnedMemory<int>> penalised_; // tokens; made when a penalty is first asked for
  Step step_;                                  // up to the logits
  Step sampling_step_;                         // and on to the next token,
  std::optional<TokenChoice> choice_;          // sampled so
};

} // namespace intarsia::cuda
