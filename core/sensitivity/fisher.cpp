// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/sensitivity/fisher.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/runtime/block_gradient.h"
#include "core/runtime/logits.h"
#include "core/runtime/rms_norm.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

// The residual streams that enter the blocks are kept for the backward pass: bytes of them at once.
constexpr std::size_t max_kept = std::size_t(512) << 20;
constexpr std::size_t max_tokens = 2048; // at once, all sequences together

// Tokens at the beginning of a sequence that are read, but not asked what comes next.
std::size_t unscored_of(std::size_t length) { return length / 4; }

using Curvature = std::map<std::string, std::vector<double>>;

double mean_square(const DenseLinear& weights, std::size_t row) {
  const float* values = weights.weights.data() + row * weights.shape.columns;
  return double(kernels::dot(values, values, weights.shape.columns)) / double(weights.shape.columns);
}

// <X X', Y Y'> of x [tokens, columns] and y [tokens, rows].
double gram_product(std::span<const float> x, std::span<const float> y, std::size_t tokens) {
  const auto gram = [&](std::span<const float> rows) {
    const std::size_t width = rows.size() / tokens;
    const kernels::RowsView view{rows.data(), width, tokens};
    std::vector<float> products(tokens * tokens);
    kernels::multiply_rows(view, view, width, products.data(), tokens);
    return products;
  };
  const auto a = gram(x), b = gram(y);
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void scale_columns(std::span<float> rows, std::span<const float> scales) {
  for (std::size_t start = 0; start < rows.size(); start += scales.size())
    for (std::size_t i = 0; i < scales.size(); ++i) rows[start + i] *= scales[i];
}

// What the backward pass through the head leaves for one sequence.
struct HeadStep {
  double curvature = 0;                             // of the head, where it is a layer of its own or tied
  std::vector<float> d_residual;                    // [tokens, hidden]
  std::map<int, std::vector<float>> rows_of_tokens; // gradient of the head's rows that the sequence names
};

// A random vector g a token with E[g g'] = diag(p) - p p', Fisher's information of the logits: with signs e,
// g = u - p sum(u), u = sqrt(p) e. In place of the logits. (Onehot(y) - p with a drawn y has the same
// covariance but heavy tails: an unlikely y outweighs a whole text.)
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
  // seeds[i]: of what is drawn for sequence i.
  Pass(const WeightSource& source, std::span<const Tokens> sequences, std::vector<std::uint64_t> seeds,
       const DenseProducts& products, const JobControl& control)
      : source_(source)
      , products_(products)
      , control_(control)
      , sequences_(sequences)
      , seeds_(std::move(seeds))
      , length_(sequences[0].size())
      , unscored_(unscored_of(length_))
      , hidden_(source.config().hidden) {}

  Curvature run(const std::function<void()>& step) {
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
      through_block(block, std::move(entering[block]));
      step();
    }
    into_embedding();
    return std::move(curvature_);
  }

 private:
  std::span<float> of(std::size_t sequence, std::vector<float>& values) const {
    const std::size_t each = values.size() / sequences_.size();
    return std::span(values).subspan(sequence * each, each);
  }

  void embed() {
    const DenseLinear embedding = to_dense(source_.linear(source_.graph().embedding));
    const float multiplier = float(source_.config().embedding_multiplier);
    for (const Tokens& tokens : sequences_)
      for (const int token : tokens) {
        const float* row = embedding.weights.data() + std::size_t(token) * hidden_;
        for (std::size_t i = 0; i < hidden_; ++i) stream_.push_back(multiplier * row[i]);
        token_energy_[token] = mean_square(embedding, std::size_t(token));
      }
  }

  void through_head() {
    const LayerGraph& graph = source_.graph();
    const LinearLayer& layer = graph.head ? *graph.head : graph.embedding;
    const DenseLinear head = to_dense(source_.linear(layer));
    std::vector<float> scales(head.shape.rows);
    parallel_ranges(scales.size(), 64, [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) scales[row] = float(std::sqrt(mean_square(head, row)));
    });
    const auto gain = source_.vector("model.norm.weight");
    for (std::size_t s = 0; s < sequences_.size(); ++s) {
      control_.throw_if_stopped();
      head_.push_back(head_step(head, scales, gain, s));
      std::ranges::copy(head_.back().d_residual, of(s, stream_).begin());
    }
    for (const HeadStep& step : head_)
      if (graph.head) curvature_[layer.name].push_back(step.curvature / double(2 * (length_ - unscored_)));
  }

  HeadStep head_step(const DenseLinear& head, std::span<const float> scales, std::span<const float> gain,
                     std::size_t sequence) {
    const std::size_t vocabulary = head.shape.rows;
    const float epsilon = float(source_.config().rms_epsilon);
    const auto residual = of(sequence, stream_);
    std::vector<float> x(residual.size()), dx(residual.size()), d_logits(length_ * vocabulary);
    rms_norm(residual, gain, epsilon, x);
    products_.multiply(head, x, length_, d_logits, control_);
    scale_logits(source_.config(), d_logits);
    const std::vector<float> logits = source_.config().logit_softcap > 0 ? d_logits : std::vector<float>{};
    draw_scores(d_logits, vocabulary, unscored_, seeds_[sequence]);
    scale_logits_backward(source_.config(), logits, d_logits);
    products_.multiply_transposed(head, d_logits, length_, dx, control_);
    HeadStep step;
    step.d_residual.assign(residual.size(), 0.f);
    rms_norm_backward(residual, gain, epsilon, dx, step.d_residual);
    if (!source_.graph().head)
      for (const int token : sequences_[sequence]) {
        auto& row = step.rows_of_tokens[token];
        if (!row.empty()) continue;
        row.resize(hidden_);
        for (std::size_t t = 0; t < length_; ++t)
          kernels::add_scaled(d_logits[t * vocabulary + std::size_t(token)], &x[t * hidden_], row.data(),
                              hidden_);
      }
    scale_columns(d_logits, scales);
    step.curvature = gram_product(x, d_logits, length_);
    return step;
  }

  void through_block(std::size_t block, std::vector<float> entering) {
    BlockGradient gradient(source_, block, products_, control_, length_);
    gradient.forward(entering, length_);
    gradient.backward(stream_,
                      [this](const LinearLayer& layer, const DenseLinear& weights, std::span<const float> x,
                             std::span<const float> dy) { visit(layer, weights, x, dy); });
  }

  void visit(const LinearLayer& layer, const DenseLinear& weights, std::span<const float> x,
             std::span<const float> dy) {
    const std::size_t rows = weights.shape.rows, columns = weights.shape.columns;
    std::vector<float> scales(rows);
    for (std::size_t row = 0; row < rows; ++row) scales[row] = float(std::sqrt(mean_square(weights, row)));
    std::vector<double> found(sequences_.size());
    parallel_for(found.size(), [&](std::size_t s) {
      const auto here = dy.subspan(s * length_ * rows, length_ * rows);
      std::vector<float> scaled(here.begin(), here.end());
      scale_columns(scaled, scales);
      found[s] = gram_product(x.subspan(s * length_ * columns, length_ * columns), scaled, length_) /
                 double(2 * (length_ - unscored_));
    });
    curvature_[layer.name] = std::move(found);
  }

  // A tied embedding's gradient is the sum of both its uses'.
  void into_embedding() {
    const LayerGraph& graph = source_.graph();
    const float multiplier = float(source_.config().embedding_multiplier);
    for (std::size_t s = 0; s < sequences_.size(); ++s) {
      std::map<int, std::vector<float>> rows;
      const auto gradient = of(s, stream_);
      for (std::size_t t = 0; t < length_; ++t) {
        auto& row = rows[sequences_[s][t]];
        row.resize(hidden_);
        kernels::add_scaled(multiplier, &gradient[t * hidden_], row.data(), hidden_);
      }
      double sum = graph.head ? 0 : head_[s].curvature;
      for (const auto& [token, row] : rows) {
        double squares = double(kernels::dot(row.data(), row.data(), hidden_));
        if (!graph.head)
          squares += 2 * double(kernels::dot(row.data(), head_[s].rows_of_tokens.at(token).data(), hidden_));
        sum += token_energy_.at(token) * squares;
      }
      curvature_[graph.embedding.name].push_back(sum / double(2 * (length_ - unscored_)));
    }
  }

  const WeightSource& source_;
  const DenseProducts& products_;
  const JobControl& control_;
  const std::span<const Tokens> sequences_;
  const std::vector<std::uint64_t> seeds_;
  const std::size_t length_, unscored_, hidden_;
  std::map<int, double> token_energy_; // mean square of the embedding's rows
  std::vector<float> stream_; // residual, [sequences, length, hidden]; on the backward pass its gradient
  std::vector<HeadStep> head_;
  Curvature curvature_;
};

std::size_t group_size(const ModelConfig& config, std::size_t length) {
  const std::size_t each = length * config.hidden * config.blocks * sizeof(float);
  return std::max<std::size_t>(1, std::min(max_kept / each, max_tokens / length));
}

} // namespace

Curvature fisher_curvature(const WeightSource& weights, const std::vector<Tokens>& sequences,
                           std::uint64_t seed, const DenseProducts& products, const JobControl& control,
                           std::size_t before) {
  Curvature all;
  const std::size_t group = group_size(weights.config(), sequences[0].size());
  const std::size_t groups = (sequences.size() + group - 1) / group, steps = 2 * weights.config().blocks + 1;
  std::size_t done = 0;
  for (std::size_t first = 0; first < sequences.size(); first += group) {
    const auto part = std::span(sequences).subspan(first, std::min(group, sequences.size() - first));
    std::vector<std::uint64_t> seeds;
    for (std::size_t i = 0; i < part.size(); ++i)
      seeds.push_back(seed_for(seed, std::to_string(before + first + i)));
    const auto found = Pass(weights, part, std::move(seeds), products, control).run([&] {
      control.report("sensitivity", double(++done), double(groups * steps));
    });
    for (const auto& [name, values] : found) all[name].insert(all[name].end(), values.begin(), values.end());
  }
  return all;
}

} // namespace intarsia
