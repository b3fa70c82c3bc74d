// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/sampler.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/runtime/penalties.h"
#include "core/text/tokenizer.h"

namespace intarsia {
namespace {

struct Candidate {
  int token;
  double weight; // its probability but for a factor
};

// Candidates, the likeliest first and of equals the first in the vocabulary. They are sorted only as far as
// they are looked at: of a large vocabulary a few hundred mostly.
class Ranking {
 public:
  Ranking(std::span<const double> logits, double temperature)
      : logits_(logits)
      , candidates_(logits.size()) {
    const double largest = *std::max_element(logits.begin(), logits.end());
    for (std::size_t i = 0; i < logits.size(); ++i)
      candidates_[i] = {int(i), std::exp((logits[i] - largest) / temperature)};
  }

  std::size_t size() const { return candidates_.size(); }
  const Candidate& operator[](std::size_t rank) {
    while (rank >= sorted_) sort_more();
    return candidates_[rank];
  }
  double total() const { // of all
    double sum = 0;
    for (const Candidate& candidate : candidates_) sum += candidate.weight;
    return sum;
  }
  double total(std::size_t count) { // of the best
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += (*this)[i].weight;
    return sum;
  }
  // Keeps only these ranks, in their order.
  void keep(const std::vector<std::size_t>& ranks) {
    std::vector<Candidate> kept;
    for (const std::size_t rank : ranks) kept.push_back((*this)[rank]);
    candidates_ = std::move(kept);
    sorted_ = candidates_.size();
  }

 private:
  void sort_more() {
    const std::size_t next = std::min(candidates_.size(), std::max<std::size_t>(64, 4 * sorted_));
    std::partial_sort(
        candidates_.begin() + std::ptrdiff_t(sorted_), candidates_.begin() + std::ptrdiff_t(next),
        candidates_.end(), [&](const Candidate& a, const Candidate& b) {
          const double left = logits_[std::size_t(a.token)], right = logits_[std::size_t(b.token)];
          return left != right ? left > right : a.token < b.token;
        });
    sorted_ = next;
  }

  std::span<const double> logits_;
  std::vector<Candidate> candidates_;
  std::size_t sorted_ = 0;
};

// The best `count` candidates and the sum of their weights.
struct Candidates_ {
  std::size_t count;
  double weight;
};

void keep_nucleus(Ranking& ranking, Candidates_& kept, double top_p) {
  if (top_p >= 1) return;
  const double wanted = top_p * kept.weight;
  Candidates_ nucleus{0, 0};
  while (nucleus.count < kept.count && nucleus.weight < wanted)
    nucleus.weight += ranking[nucleus.count++].weight;
  kept = nucleus;
}

void keep_likely(Ranking& ranking, Candidates_& kept, double min_p) {
  if (min_p <= 0) return;
  const double least = min_p * ranking[0].weight;
  Candidates_ likely{1, ranking[0].weight};
  while (likely.count < kept.count && ranking[likely.count].weight >= least)
    likely.weight += ranking[likely.count++].weight;
  kept = likely;
}

// Those whose information is nearest to the distribution's entropy, up to a probability of typical_p.
void keep_typical(Ranking& ranking, Candidates_& kept, double typical_p) {
  if (typical_p >= 1) return;
  double entropy = 0;
  const auto information = [&](std::size_t rank) { return -std::log(ranking[rank].weight / kept.weight); };
  for (std::size_t i = 0; i < kept.count; ++i)
    if (const double weight = ranking[i].weight; weight > 0) entropy += weight / kept.weight * information(i);
  std::vector<std::size_t> ranks(kept.count);
  std::vector<double> strangeness(kept.count);
  for (std::size_t i = 0; i < kept.count; ++i) {
    ranks[i] = i;
    strangeness[i] = std::abs(information(i) - entropy);
  }
  std::stable_sort(ranks.begin(), ranks.end(),
                   [&](std::size_t a, std::size_t b) { return strangeness[a] < strangeness[b]; });
  const double wanted = typical_p * kept.weight;
  Candidates_ typical{0, 0};
  while (typical.count < kept.count && typical.weight < wanted)
    typical.weight += ranking[ranks[typical.count++]].weight;
  ranks.resize(typical.count);
  std::sort(ranks.begin(), ranks.end());
  ranking.keep(ranks);
  kept = {typical.count, ranking.total(typical.count)};
}

void require(bool holds, const char* sentence) {
  if (!holds) throw Error(ErrorKind::usage, sentence);
}

void check(const SamplingSettings& settings) {
  require(settings.temperature >= 0 && settings.temperature <= 100,
          "the temperature must lie between 0 and 100");
  require(settings.top_p > 0 && settings.top_p <= 1, "top-p must lie above 0 and at most at 1");
  require(settings.min_p >= 0 && settings.min_p <= 1, "min-p must lie between 0 and 1");
  require(settings.typical_p > 0 && settings.typical_p <= 1, "typical-p must lie above 0 and at most at 1");
  require(settings.repetition_penalty >= 0.1 && settings.repetition_penalty <= 10,
          "the repetition penalty must lie between 0.1 and 10");
  require(std::abs(settings.presence_penalty) <= 100, "the presence penalty must lie between -100 and 100");
  require(std::abs(settings.frequency_penalty) <= 100, "the frequency penalty must lie between -100 and 100");
  require(settings.dry.multiplier >= 0 && settings.dry.multiplier <= 100,
          "DRY's multiplier must lie between 0 and 100");
  require(settings.dry.base >= 1 && settings.dry.base <= 10, "DRY's base must lie between 1 and 10");
  require(settings.dry.allowed_length >= 1, "DRY's allowed length must be at least 1");
  for (const auto& [token, bias] : settings.logit_bias)
    require(token >= 0 && std::abs(bias) <= 1000, "a logit bias must lie between -1000 and 1000");
}

std::vector<bool> breakers_of(const DrySettings& dry, const Tokenizer& tokenizer) {
  std::vector<bool> breaks(tokenizer.size());
  for (std::size_t id = 0; id < breaks.size(); ++id) {
    const std::string bytes = tokenizer.token_bytes(int(id));
    breaks[id] = tokenizer.is_control(int(id));
    for (const std::string& breaker : dry.breakers)
      if (!breaker.empty() && bytes.find(breaker) != std::string::npos) breaks[id] = true;
  }
  return breaks;
}

} // namespace

bool SamplingSettings::is_basic() const {
  return min_p == 0 && typical_p == 1 && presence_penalty == 0 && frequency_penalty == 0 &&
         dry.multiplier == 0 && logit_bias.empty();
}

SampledToken log_probabilities(std::span<const float> logits, int token, std::size_t top) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(logit) - largest);
  const double total = largest + std::log(sum);
  const auto of = [&](int id) { return TokenProbability{id, double(logits[std::size_t(id)]) - total}; };
  SampledToken result{of(token), {}};
  std::vector<int> ids(logits.size());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = int(i);
  const auto end = ids.begin() + std::ptrdiff_t(std::min(top, ids.size()));
  std::partial_sort(ids.begin(), end, ids.end(), [&](int a, int b) {
    const float left = logits[std::size_t(a)], right = logits[std::size_t(b)];
    return left != right ? left > right : a < b;
  });
  for (auto id = ids.begin(); id != end; ++id) result.top.push_back(of(*id));
  return result;
}

std::uint64_t sampling_bytes(std::size_t vocabulary) {
  return vocabulary * (sizeof(float) + sizeof(double) + sizeof(Candidate));
}

Sampler::Sampler(const SamplingSettings& settings, const Tokenizer* tokenizer)
    : settings_(settings)
    , random_(settings.seed) {
  check(settings);
  if (settings.dry.multiplier > 0 && tokenizer) breaks_ = breakers_of(settings.dry, *tokenizer);
}

void refuse_damaged_logits() {
  throw input_error("the model computes numbers that are not finite; its file is damaged, download it again");
}

double Sampler::next_uniform() { return settings_.temperature == 0 ? 0 : random_.uniform(); }

int Sampler::sample(std::span<const float> logits, std::span<const int> history, std::size_t prompt_tokens) {
  for (const float logit : logits)
    if (!std::isfinite(logit)) refuse_damaged_logits();
  std::vector<double> changed(logits.begin(), logits.end());
  for (const auto& [token, bias] : settings_.logit_bias) {
    if (std::size_t(token) >= changed.size())
      throw Error(ErrorKind::usage, "the logit bias names token " + std::to_string(token) +
                                        ", but the vocabulary has " + std::to_string(changed.size()));
    changed[std::size_t(token)] += bias;
  }
  if (settings_.repetition_penalty != 1) penalise_repetition(changed, history, settings_.repetition_penalty);
  if (settings_.presence_penalty != 0 || settings_.frequency_penalty != 0)
    penalise_counts(changed, history.subspan(std::min(prompt_tokens, history.size())),
                    settings_.presence_penalty, settings_.frequency_penalty);
  if (settings_.dry.multiplier > 0) penalise_repeated_sequences(changed, history, settings_.dry, breaks_);
  if (settings_.temperature == 0)
    return int(std::max_element(changed.begin(), changed.end()) - changed.begin()); // the first of equals
  return choose(changed);
}

int Sampler::choose(std::span<const double> logits) {
  Ranking ranking(logits, settings_.temperature);
  Candidates_ kept{ranking.size(), 0};
  if (settings_.top_k > 0 && settings_.top_k < kept.count)
    kept = {settings_.top_k, ranking.total(settings_.top_k)};
  else
    kept.weight = ranking.total();
  keep_nucleus(ranking, kept, settings_.top_p);
  keep_likely(ranking, kept, settings_.min_p);
  keep_typical(ranking, kept, settings_.typical_p);

  double rest = next_uniform() * kept.weight;
  for (std::size_t i = 0; i < kept.count; ++i)
    if ((rest -= ranking[i].weight) < 0) return ranking[i].token;
  return ranking[kept.count - 1].token;
}

} // namespace intarsia
