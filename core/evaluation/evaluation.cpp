// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/evaluation/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace intarsia {
namespace {

constexpr std::size_t tokens_at_once = 128;   // rows of logits held at a time: vocabularies are large
constexpr std::size_t worth_a_task = 1 << 13; // logits that take some 20 microseconds to score

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

// A row of logits, read once.
struct Likelihoods {
  std::size_t first = 0;  // the most likely token
  double log_sum_exp = 0; // of the logits
  double mean_excess = 0; // mean of what `excess` returns for a token, by the tokens' likelihoods
};

template <typename Excess>
Likelihoods likelihoods(std::span<const float> logits, const Excess& excess) {
  Likelihoods result;
  result.first = std::size_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
  const double largest = logits[result.first];
  double sum = 0, excesses = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double share = std::exp(double(logits[i]) - largest);
    sum += share;
    if (share != 0) excesses += share * excess(i); // 0 log 0 = 0, also where a logit is -infinity
  }
  result.log_sum_exp = largest + std::log(sum);
  result.mean_excess = excesses / sum;
  return result;
}

Likelihoods likelihoods(std::span<const float> logits) {
  return likelihoods(logits, [](std::size_t) { return 0.0; });
}

struct Comparison {
  Likelihoods reference, model;
  double kl = 0;
};

Comparison compare(std::span<const float> reference, std::span<const float> model) {
  Comparison result;
  result.reference =
      likelihoods(reference, [&](std::size_t i) { return double(reference[i]) - double(model[i]); });
  result.model = likelihoods(model);
  const double kl = result.reference.mean_excess - result.reference.log_sum_exp + result.model.log_sum_exp;
  // Rounding can leave a tiny negative number for equal distributions; NaN stays NaN.
  result.kl = kl < 0 ? 0 : kl;
  return result;
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

// For each scored token, `score(token, rows)` is given a row of logits per model, on any core, and returns a
// number for each of the means.
template <std::size_t count, typename Score>
void score_tokens(const std::vector<Sequence*>& sequences, std::size_t vocabulary, const Windows& windows,
                  const JobControl& control, const std::array<Mean*, count>& means, const Score& score) {
  for (std::size_t w = 0; w < windows.count(); ++w) {
    control.throw_if_stopped();
    const std::vector<int> window = windows.window(w);
    for (Sequence* sequence : sequences) sequence->truncate(0);
    for (std::size_t start = 0; start + 1 < window.size(); start += tokens_at_once) {
      const std::size_t tokens = std::min(tokens_at_once, window.size() - 1 - start);
      std::vector<std::vector<float>> logits;
      for (Sequence* sequence : sequences)
        logits.push_back(sequence->forward(std::span(window).subspan(start, tokens), false, control.stop));
      std::vector<std::array<double, count>> scores(tokens);
      parallel_ranges(tokens, worth_a_task / vocabulary + 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
          std::vector<std::span<const float>> rows;
          for (const auto& all : logits) rows.push_back(std::span(all).subspan(i * vocabulary, vocabulary));
          scores[i] = score(window[start + i + 1], rows);
        }
      });
      for (const auto& of_token : scores)
        for (std::size_t m = 0; m < count; ++m) means[m]->add(of_token[m]);
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

double negative_log_likelihood(const Likelihoods& of, std::span<const float> logits, int token) {
  return of.log_sum_exp - double(logits[std::size_t(token)]);
}

} // namespace

PerplexityResult perplexity(LanguageModel& model, const EvaluationText& text,
                            const EvaluationOptions& options, const JobControl& control) {
  const Windows windows(text, options);
  const auto sequence = model.new_sequence(options.context);
  Mean nll;
  score_tokens({sequence.get()}, model.config().vocabulary, windows, control, std::array{&nll},
               [](int token, const auto& rows) {
                 return std::array{negative_log_likelihood(likelihoods(rows[0]), rows[0], token)};
               });
  return to_result(nll, windows.count());
}

double kl_divergence(std::span<const float> p_logits, std::span<const float> q_logits) {
  return compare(p_logits, q_logits).kl;
}

DivergenceResult divergence(LanguageModel& model, LanguageModel& reference, const EvaluationText& text,
                            const EvaluationOptions& options, const JobControl& control) {
  if (model.config().vocabulary != reference.config().vocabulary)
    throw Error(ErrorKind::usage, "the two models have different vocabularies and cannot be compared");
  const Windows windows(text, options);
  const auto sequence = model.new_sequence(options.context), other = reference.new_sequence(options.context);
  Mean kl, agreement, nll, reference_nll;
  score_tokens({sequence.get(), other.get()}, model.config().vocabulary, windows, control,
               std::array{&kl, &agreement, &nll, &reference_nll}, [](int token, const auto& rows) {
                 const Comparison at = compare(rows[1], rows[0]);
                 return std::array{at.kl, at.model.first == at.reference.first ? 1.0 : 0.0,
                                   negative_log_likelihood(at.model, rows[0], token),
                                   negative_log_likelihood(at.reference, rows[1], token)};
               });
  return {kl.mean(), kl.standard_error(), agreement.mean(), to_result(nll, windows.count()),
          to_result(reference_nll, windows.count())};
}

} // namespace intarsia
