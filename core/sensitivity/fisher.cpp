// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/sensitivity/fisher.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/parallel.h"
#include "core/tensor/kernels.h"

namespace intarsia {
namespace {

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
  std::map<int, std::vector<float>> rows_of_tokens; // gradient of the head's rows that the sequence names
};

// A group of sequences: what they say of each layer as their scores are pulled back.
class Group {
 public:
  Group(const WeightSource& source, std::span<const Tokens> sequences)
      : graph_(source.graph())
      , multiplier_(float(source.config().embedding_multiplier))
      , sequences_(sequences)
      , length_(sequences[0].size())
      , hidden_(source.config().hidden)
      , head_(sequences.size()) {}

  void see_embedding(const DenseLinear& embedding) {
    for (const Tokens& tokens : sequences_)
      for (const int token : tokens) token_energy_[token] = mean_square(embedding, std::size_t(token));
  }

  void see_head(const DenseLinear& head, std::size_t sequence, std::span<const float> x,
                std::span<float> scores) {
    const std::size_t vocabulary = head.shape.rows;
    HeadStep& step = head_[sequence];
    if (!graph_.head)
      for (const int token : sequences_[sequence]) {
        auto& row = step.rows_of_tokens[token];
        if (!row.empty()) continue;
        row.resize(hidden_);
        for (std::size_t t = 0; t < length_; ++t)
          kernels::add_scaled(scores[t * vocabulary + std::size_t(token)], &x[t * hidden_], row.data(),
                              hidden_);
      }
    if (head_scales_.empty()) head_scales_ = scales_of(head);
    scale_columns(scores, head_scales_);
    step.curvature = gram_product(x, scores, length_);
    if (graph_.head) curvature_[graph_.head->name].push_back(step.curvature / per_token());
  }

  void see_linear(const LinearLayer& layer, const DenseLinear& weights, std::span<const float> x,
                  std::span<const float> dy) {
    const std::size_t rows = weights.shape.rows, columns = weights.shape.columns;
    const std::vector<float> scales = scales_of(weights);
    std::vector<double> found(sequences_.size());
    parallel_for(found.size(), [&](std::size_t s) {
      const auto here = dy.subspan(s * length_ * rows, length_ * rows);
      std::vector<float> scaled(here.begin(), here.end());
      scale_columns(scaled, scales);
      found[s] =
          gram_product(x.subspan(s * length_ * columns, length_ * columns), scaled, length_) / per_token();
    });
    curvature_[layer.name] = std::move(found);
  }

  // A tied embedding's gradient is the sum of both its uses'. `gradient`: by the stream that enters block 0.
  Curvature finish(std::span<const float> gradient) {
    for (std::size_t s = 0; s < sequences_.size(); ++s) {
      std::map<int, std::vector<float>> rows;
      for (std::size_t t = 0; t < length_; ++t) {
        auto& row = rows[sequences_[s][t]];
        row.resize(hidden_);
        kernels::add_scaled(multiplier_, &gradient[(s * length_ + t) * hidden_], row.data(), hidden_);
      }
      double sum = graph_.head ? 0 : head_[s].curvature;
      for (const auto& [token, row] : rows) {
        double squares = double(kernels::dot(row.data(), row.data(), hidden_));
        if (!graph_.head)
          squares += 2 * double(kernels::dot(row.data(), head_[s].rows_of_tokens.at(token).data(), hidden_));
        sum += token_energy_.at(token) * squares;
      }
      curvature_[graph_.embedding.name].push_back(sum / per_token());
    }
    return std::move(curvature_);
  }

 private:
  double per_token() const { return double(2 * scored_tokens(length_)); }

  static std::vector<float> scales_of(const DenseLinear& weights) {
    std::vector<float> scales(weights.shape.rows);
    parallel_ranges(scales.size(), 64, [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row)
        scales[row] = float(std::sqrt(mean_square(weights, row)));
    });
    return scales;
  }

  const LayerGraph& graph_;
  const float multiplier_;
  const std::span<const Tokens> sequences_;
  const std::size_t length_, hidden_;
  std::map<int, double> token_energy_; // mean square of the embedding's rows
  std::vector<HeadStep> head_;
  std::vector<float> head_scales_;
  Curvature curvature_;
};

} // namespace

Curvature fisher_curvature(const WeightSource& weights, const std::vector<Tokens>& sequences,
                           std::uint64_t seed, const DenseProducts& products, const JobControl& control,
                           std::size_t before, OutputGradients* gradients) {
  Curvature all;
  std::optional<Group> group;
  const BackwardObserver observer{[&](std::span<const Tokens> part) { group.emplace(weights, part); },
                                  [&](const DenseLinear& embedding) { group->see_embedding(embedding); },
                                  [&](const auto&... of) { group->see_head(of...); },
                                  [&](const LinearLayer& layer, const DenseLinear& w,
                                      std::span<const float> x, std::span<const float> dy) {
                                    group->see_linear(layer, w, x, dy);
                                    if (gradients) gradients->add(layer, dy);
                                  },
                                  [&](std::span<const float> gradient) {
                                    for (const auto& [name, values] : group->finish(gradient))
                                      all[name].insert(all[name].end(), values.begin(), values.end());
                                  }};
  pull_scores_back(weights, sequences, {seed, before}, products, control, observer);
  return all;
}

} // namespace intarsia
