// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/evaluation/evaluation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::size_t tokens_at_once = 128; // rows of logits held at a time: vocabularies are large

// Of numbers that come window by window, which are not independent within one: the standard error is that of
// the windows' sums.
class Mean {
 public:
  void add(double value) {
    window_ += value;
    ++in_window_;
  }
  void end_window() {
    sums_.push_back({window_, double(in_window_)});
    sum_ += window_, count_ += in_window_;
    window_ = 0, in_window_ = 0;
  }
  std::size_t count() const { return count_; }
  double mean() const { return count_ ? sum_ / double(count_) : 0; }
  double standard_error() const {
    const std::size_t windows = sums_.size();
    if (windows < 2) return 0;
    double squares = 0;
    for (const auto& [sum, count] : sums_) squares += std::pow(sum - mean() * count, 2);
    return std::sqrt(squares * double(windows) / double(windows - 1)) / double(count_);
  }

 private:
  double sum_ = 0, window_ = 0;
  std::size_t count_ = 0, in_window_ = 0;
  std::vector<std::pair<double, double>> sums_; // and counts, of windows
};

double log_sum_exp(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(logit) - largest);
  return largest + std::log(sum);
}

std::size_t max_likely(std::span<const float> logits) {
  return std::size_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// What is fed, window by window, begin tokens included.
class Windows {
 public:
  Windows(const EvaluationText& text, const EvaluationOptions& options)
      : text_(text) {
    if (options.context < 2) throw Error(ErrorKind::usage, "the context must be at least 2 tokens");
    for (std::size_t i = 0; i < text.documents.size(); ++i)
      cut(text.documents[i], i + 1 < text.documents.size() ? text.documents[i + 1] : text.tokens.size(),
          options.context);
    if (all_.empty()) throw Error(ErrorKind::usage, "the text is too short: it has fewer than 2 tokens");
    if (options.max_tokens) thin_out(options.max_tokens);
  }

  std::size_t count() const { return all_.size(); }
  std::vector<int> window(std::size_t index) const {
    const Window& window = all_[index];
    std::vector<int> tokens;
    if (window.prepended) tokens.push_back(text_.bos);
    tokens.insert(tokens.end(), text_.tokens.begin() + std::ptrdiff_t(window.first),
                  text_.tokens.begin() + std::ptrdiff_t(window.first + window.count));
    return tokens;
  }

 private:
  struct Window {
    std::size_t first, count; // of the text's tokens
    bool prepended;
  };

  void cut(std::size_t begin, std::size_t end, std::size_t context) {
    for (std::size_t first = begin; first < end;) {
      const bool prepended = text_.bos >= 0 && text_.tokens[first] != text_.bos;
      const std::size_t count = std::min(context - (prepended ? 1 : 0), end - first);
      if (count + (prepended ? 1 : 0) >= 2) all_.push_back({first, count, prepended});
      first += count;
    }
  }

  void thin_out(std::size_t max_tokens) {
    std::size_t tokens = 0;
    for (const Window& window : all_) tokens += window.count;
    if (tokens <= max_tokens) return;
    const std::size_t before = all_.size();
    const std::size_t kept = std::clamp<std::size_t>(before * max_tokens / tokens, 1, before);
    for (std::size_t i = 0; i < kept; ++i) all_[i] = all_[before * i / kept];
    all_.resize(kept);
  }

  const EvaluationText& text_;
  std::vector<Window> all_;
};

// For each scored token, `score(row)` sees its index and a row of logits per model.
template <typename Score>
void for_each_scored_token(std::vector<Sequence*> sequences, std::size_t vocabulary, const Windows& windows,
                           const JobControl& control, const std::vector<Mean*>& means, const Score& score) {
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
    for (Mean* mean : means) mean->end_window();
    control.report("evaluating", double(w + 1), double(windows.count()));
  }
}

PerplexityResult to_result(const Mean& nll, std::size_t windows) {
  if (!std::isfinite(nll.mean()))
    throw input_error(
        "the model computes numbers that are not finite; its file is damaged, download it again");
  return {std::exp(nll.mean()), nll.mean(), nll.standard_error(), nll.count(), windows};
}

double negative_log_likelihood(std::span<const float> logits, int token) {
  return log_sum_exp(logits) - double(logits[std::size_t(token)]);
}

} // namespace

PerplexityResult perplexity(LanguageModel& model, const EvaluationText& text,
                            const EvaluationOptions& options, const JobControl& control) {
  const Windows windows(text, options);
  const auto sequence = model.new_sequence(options.context);
  Mean nll;
  for_each_scored_token(
      {sequence.get()}, model.config().vocabulary, windows, control, {&nll},
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

DivergenceResult divergence(LanguageModel& model, LanguageModel& reference, const EvaluationText& text,
                            const EvaluationOptions& options, const JobControl& control) {
  if (model.config().vocabulary != reference.config().vocabulary)
    throw Error(ErrorKind::usage, "the two models have different vocabularies and cannot be compared");
  const Windows windows(text, options);
  const auto sequence = model.new_sequence(options.context), other = reference.new_sequence(options.context);
  Mean kl, agreement, nll, reference_nll;
  for_each_scored_token({sequence.get(), other.get()}, model.config().vocabulary, windows, control,
                        {&kl, &agreement, &nll, &reference_nll}, [&](int token, const auto& rows) {
                          kl.add(kl_divergence(rows[1], rows[0]));
                          agreement.add(max_likely(rows[0]) == max_likely(rows[1]) ? 1 : 0);
                          nll.add(negative_log_likelihood(rows[0], token));
                          reference_nll.add(negative_log_likelihood(rows[1], token));
                        });
  return {kl.mean(), kl.standard_error(), agreement.mean(), to_result(nll, windows.count()),
          to_result(reference_nll, windows.count())};
}

} // namespace intarsia
