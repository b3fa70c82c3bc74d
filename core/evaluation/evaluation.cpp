// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/evaluation/evaluation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::size_t tokens_at_once = 128; // rows of logits held at a time: vocabularies are large

struct Mean {
  double sum = 0, squares = 0;
  std::size_t count = 0;

  void add(double value) {
    sum += value;
    squares += value * value;
    ++count;
  }
  double mean() const { return count ? sum / double(count) : 0; }
  double standard_error() const {
    if (count < 2) return 0;
    const double variance = std::max(0.0, squares / double(count) - mean() * mean());
    return std::sqrt(variance / double(count - 1));
  }
};

double log_sum_exp(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(logit) - largest);
  return largest + std::log(sum);
}

std::size_t most_likely(std::span<const float> logits) {
  return std::size_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Walks the text window by window. For each scored token, `score(row)` sees its index and a row of logits per
// model.
class Windows {
 public:
  Windows(std::span<const int> tokens, std::size_t context, int bos)
      : tokens_(tokens)
      , bos_(bos) {
    if (context < 2) throw Error(ErrorKind::usage, "the context must be at least 2 tokens");
    step_ = bos >= 0 ? context - 1 : context;
    if (tokens.size() < least())
      throw Error(ErrorKind::usage, "the text is too short: it has fewer than 2 tokens");
  }

  std::size_t count() const { return tokens_.size() / step_ + (tokens_.size() % step_ >= least() ? 1 : 0); }

  // Tokens to feed, the begin token included.
  std::vector<int> window(std::size_t index) const {
    const std::size_t start = index * step_, size = std::min(step_, tokens_.size() - start);
    std::vector<int> window;
    if (bos_ >= 0) window.push_back(bos_);
    window.insert(window.end(), tokens_.begin() + std::ptrdiff_t(start),
                  tokens_.begin() + std::ptrdiff_t(start + size));
    return window;
  }

 private:
  std::size_t least() const { return bos_ >= 0 ? 1 : 2; }
  std::span<const int> tokens_;
  int bos_;
  std::size_t step_ = 0;
};

template <typename Score>
void for_each_scored_token(std::vector<Sequence*> sequences, std::size_t vocabulary, const Windows& windows,
                           const JobControl& control, const Score& score) {
  for (std::size_t w = 0; w < windows.count(); ++w) {
    control.throw_if_stopped();
    const std::vector<int> window = windows.window(w);
    for (Sequence* sequence : sequences) sequence->truncate(0);
    for (std::size_t start = 0; start + 1 < window.size(); start += tokens_at_once) {
      const std::size_t count = std::min(tokens_at_once, window.size() - 1 - start);
      std::vector<std::vector<float>> logits;
      for (Sequence* sequence : sequences)
        logits.push_back(sequence->forward(std::span(window).subspan(start, count), false, control.stop));
      for (std::size_t i = 0; i < count; ++i) {
        std::vector<std::span<const float>> rows;
        for (const auto& all : logits) rows.push_back(std::span(all).subspan(i * vocabulary, vocabulary));
        score(window[start + i + 1], rows);
      }
    }
    control.report("evaluating", double(w + 1), double(windows.count()));
  }
}

PerplexityResult to_result(const Mean& nll, std::size_t windows) {
  if (!std::isfinite(nll.mean()))
    throw input_error(
        "the model computes numbers that are not finite; its file is damaged, download it again");
  return {std::exp(nll.mean()), nll.mean(), nll.standard_error(), nll.count, windows};
}

double negative_log_likelihood(std::span<const float> logits, int token) {
  return log_sum_exp(logits) - double(logits[std::size_t(token)]);
}

} // namespace

PerplexityResult perplexity(LanguageModel& model, std::span<const int> tokens, std::size_t context, int bos,
                            const JobControl& control) {
  const Windows windows(tokens, context, bos);
  const auto sequence = model.new_sequence(context);
  Mean nll;
  for_each_scored_token(
      {sequence.get()}, model.config().vocabulary, windows, control,
      [&](int token, const auto& rows) { nll.add(negative_log_likelihood(rows[0], token)); });
  return to_result(nll, windows.count());
}

double kl_divergence(std::span<const float> p_logits, std::span<const float> q_logits) {
  const double p_norm = log_sum_exp(p_logits), q_norm = log_sum_exp(q_logits);
  double sum = 0;
  for (std::size_t i = 0; i < p_logits.size(); ++i) {
    const double p = double(p_logits[i]) - p_norm, q = double(q_logits[i]) - q_norm;
    const double share = std::exp(p);
    if (share != 0) sum += share * (p - q); // 0 log 0 = 0, also where a logit is -infinity
  }
  // Rounding can leave a tiny negative number for equal distributions; NaN stays NaN.
  return sum < 0 ? 0 : sum;
}

DivergenceResult divergence(LanguageModel& model, LanguageModel& reference, std::span<const int> tokens,
                            std::size_t context, int bos, const JobControl& control) {
  if (model.config().vocabulary != reference.config().vocabulary)
    throw Error(ErrorKind::usage, "the two models have different vocabularies and cannot be compared");
  const Windows windows(tokens, context, bos);
  const auto sequence = model.new_sequence(context), other = reference.new_sequence(context);
  Mean kl, agreement, nll, reference_nll;
  for_each_scored_token({sequence.get(), other.get()}, model.config().vocabulary, windows, control,
                        [&](int token, const auto& rows) {
                          kl.add(kl_divergence(rows[1], rows[0]));
                          agreement.add(most_likely(rows[0]) == most_likely(rows[1]) ? 1 : 0);
                          nll.add(negative_log_likelihood(rows[0], token));
                          reference_nll.add(negative_log_likelihood(rows[1], token));
                        });
  return {kl.mean(), kl.standard_error(), agreement.mean(), to_result(nll, windows.count()),
          to_result(reference_nll, windows.count())};
}

} // namespace intarsia
