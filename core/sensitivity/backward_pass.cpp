// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/sensitivity/backward_pass.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/runtime/logits.h"
#include "core/runtime/rms_norm.h"

namespace intarsia {
namespace {

// The residual streams that enter the blocks are kept for the backward pass: bytes of them at once.
constexpr std::size_t max_kept = std::size_t(512) << 20;
constexpr std::size_t max_tokens = 2048; // at once, all sequences together

// In place of the logits: with signs s, e = u - p sum(u), u = sqrt(p) s. (Onehot(y) - p with a drawn y has
// the same covariance but heavy tails: an unlikely y outweighs a whole text.)
void draw_scores(std::span<float> logits, std::size_t vocabulary, std::size_t unscored, std::uint64_t seed) {
  parallel_for(logits.size() / vocabulary, [&](std::size_t t) {
    const auto row = logits.subspan(t * vocabulary, vocabulary);
    if (t < unscored) {
      std::ranges::fill(row, 0.f);
      return;
    }
    const float largest = *std::max_element(row.begin(), row.end());
    double total = 0, signed_sum = 0;
    for (float& value : row) total += double(value = std::exp(value - largest));
    Random random(seed_for(seed, std::to_string(t)));
    std::vector<bool> negative(vocabulary);
    for (std::size_t i = 0; i < vocabulary; ++i) {
      negative[i] = random.next() & 1;
      const double root = std::sqrt(double(row[i]) / total);
      signed_sum += negative[i] ? -root : root;
    }
    for (std::size_t i = 0; i < vocabulary; ++i) {
      const double p = double(row[i]) / total, root = std::sqrt(p);
      row[i] = float((negative[i] ? -root : root) - p * signed_sum);
    }
  });
}

// A group of sequences on its way through the model and back.
class Pass {
 public:
  Pass(const WeightSource& source, std::span<const Tokens> sequences, ScoreSeed seed,
       const DenseProducts& products, const JobControl& control, const BackwardObserver& observer)
      : source_(source)
      , products_(products)
      , control_(control)
      , observer_(observer)
      , sequences_(sequences)
      , seed_(seed)
      , length_(sequences[0].size())
      , hidden_(source.config().hidden) {}

  void run(const std::function<void()>& step) {
    if (observer_.begin) observer_.begin(sequences_);
    embed();
    const std::size_t blocks = source_.config().blocks;
    std::vector<std::vector<float>> entering; // each block
    for (std::size_t block = 0; block < blocks; ++block) {
      entering.push_back(stream_);
      BlockGradient(source_, block, products_, control_, length_).forward(stream_, length_);
      step();
    }
    through_head();
    step();
    for (std::size_t block = blocks; block-- > 0;) {
      BlockGradient gradient(source_, block, products_, control_, length_);
      gradient.forward(entering[block], length_);
      gradient.backward(stream_, [this](const auto&... of) {
        if (observer_.linear) observer_.linear(of...);
      });
      entering.pop_back();
      step();
    }
    if (observer_.end) observer_.end(stream_);
  }

 private:
  void embed() {
    const DenseLinear embedding = to_dense(source_.linear(source_.graph().embedding));
    if (observer_.embedding) observer_.embedding(embedding);
    const float multiplier = float(source_.config().embedding_multiplier);
    for (const Tokens& tokens : sequences_)
      for (const int token : tokens) {
        const float* row = embedding.weights.data() + std::size_t(token) * hidden_;
        for (std::size_t i = 0; i < hidden_; ++i) stream_.push_back(multiplier * row[i]);
      }
  }

  // The stream becomes the gradient by it.
  void through_head() {
    const LayerGraph& graph = source_.graph();
    const DenseLinear head = to_dense(source_.linear(graph.head ? *graph.head : graph.embedding));
    const auto gain = source_.vector("model.norm.weight");
    for (std::size_t s = 0; s < sequences_.size(); ++s) {
      control_.throw_if_stopped();
      head_step(head, gain, s);
    }
  }

  void head_step(const DenseLinear& head, std::span<const float> gain, std::size_t sequence) {
    const std::size_t vocabulary = head.shape.rows;
    const float epsilon = float(source_.config().rms_epsilon);
    const auto stream = std::span(stream_).subspan(sequence * length_ * hidden_, length_ * hidden_);
    const std::vector<float> residual(stream.begin(), stream.end());
    std::vector<float> x(residual.size()), dx(residual.size()), scores(length_ * vocabulary);
    rms_norm(residual, gain, epsilon, x);
    products_.multiply(head, x, length_, scores, control_);
    scale_logits(source_.config(), scores);
    const std::vector<float> logits = source_.config().logit_softcap > 0 ? scores : std::vector<float>{};
    draw_scores(scores, vocabulary, length_ - scored_tokens(length_),
                seed_for(seed_.seed, std::to_string(seed_.first + sequence)));
    scale_logits_backward(source_.config(), logits, scores);
    products_.multiply_transposed(head, scores, length_, dx, control_);
    std::ranges::fill(stream, 0.f);
    rms_norm_backward(residual, gain, epsilon, dx, stream);
    if (observer_.head) observer_.head(head, sequence, x, scores);
  }

  const WeightSource& source_;
  const DenseProducts& products_;
  const JobControl& control_;
  const BackwardObserver& observer_;
  const std::span<const Tokens> sequences_;
  const ScoreSeed seed_;
  const std::size_t length_, hidden_;
  std::vector<float> stream_; // residual, [sequences, length, hidden]; on the backward pass its gradient
};

std::size_t sequences_at_once(const ModelConfig& config, std::size_t length) {
  const std::size_t each = length * config.hidden * config.blocks * sizeof(float);
  return std::max<std::size_t>(1, std::min(max_kept / each, max_tokens / length));
}

} // namespace

std::size_t scored_tokens(std::size_t length) { return length - length / 4; }

std::uint64_t backward_bytes(const ModelConfig& config, const LayerGraph& graph, std::size_t length) {
  std::uint64_t block = 0;
  for (const LinearLayer& layer : graph.linears)
    if (layer.block == 0) block += layer.weights();
  const std::uint64_t tokens = length * sequences_at_once(config, length);
  const std::uint64_t activations =
      tokens * 3 *
      (5 * config.hidden + 2 * config.attention_dim() + 2 * config.kv_dim() + 4 * config.intermediate);
  const std::uint64_t head = graph.embedding.weights() + 3 * length * config.vocabulary;
  return sizeof(float) * (tokens * config.hidden * (config.blocks + 2) + std::max(block + activations, head));
}

void pull_scores_back(const WeightSource& weights, const std::vector<Tokens>& sequences, ScoreSeed seed,
                      const DenseProducts& products, const JobControl& control,
                      const BackwardObserver& observer) {
  const std::size_t at_once = sequences_at_once(weights.config(), sequences[0].size());
  const std::size_t groups = (sequences.size() + at_once - 1) / at_once;
  const std::size_t steps = groups * (2 * weights.config().blocks + 1);
  std::size_t done = 0;
  for (std::size_t first = 0; first < sequences.size(); first += at_once) {
    const auto group = std::span(sequences).subspan(first, std::min(at_once, sequences.size() - first));
    Pass(weights, group, {seed.seed, seed.first + first}, products, control, observer).run([&] {
      control.report("sensitivity", double(++done), double(steps));
    });
  }
}

void add_output_gradients(const WeightSource& weights, const std::vector<Tokens>& sequences, ScoreSeed seed,
                          const DenseProducts& products, const JobControl& control, OutputGradients& to) {
  BackwardObserver observer;
  observer.linear = [&](const LinearLayer& layer, const DenseLinear&, std::span<const float>,
                        std::span<const float> dy) { to.add(layer, dy); };
  pull_scores_back(weights, sequences, seed, products, control, observer);
}

} // namespace intarsia
