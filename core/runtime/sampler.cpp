// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "core/base/error.h"

namespace intarsia {
namespace {

struct Candidate {
  int token;
  double logit, probability;
};

void require(bool holds, const char* sentence) {
  if (!holds) throw Error(ErrorKind::usage, sentence);
}

} // namespace

std::uint64_t sampling_bytes(std::size_t vocabulary) {
  return vocabulary * (sizeof(float) + sizeof(Candidate));
}

Sampler::Sampler(const SamplingSettings& settings)
    : settings_(settings)
    , random_(settings.seed) {
  require(settings.temperature >= 0 && settings.temperature <= 100,
          "the temperature must lie between 0 and 100");
  require(settings.top_p > 0 && settings.top_p <= 1, "top-p must lie above 0 and at most at 1");
  require(settings.repetition_penalty >= 0.1 && settings.repetition_penalty <= 10,
          "the repetition penalty must lie between 0.1 and 10");
}

void refuse_damaged_logits() {
  throw input_error("the model computes numbers that are not finite; its file is damaged, download it again");
}

double Sampler::next_draw() { return settings_.temperature == 0 ? 0 : random_.uniform(); }

int Sampler::sample(std::span<const float> logits, std::span<const int> history) {
  for (const float logit : logits)
    if (!std::isfinite(logit)) refuse_damaged_logits();
  std::vector<Candidate> candidates(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) candidates[i] = {int(i), double(logits[i]), 0};
  if (settings_.repetition_penalty != 1)
    for (const int token :
         std::set<int>(history.begin(), history.end())) { // CTRL (Keskar et al. 2019), section 4.1
      double& logit = candidates[std::size_t(token)].logit;
      logit = logit > 0 ? logit / settings_.repetition_penalty : logit * settings_.repetition_penalty;
    }
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  if (settings_.temperature == 0)
    return std::min_element(candidates.begin(), candidates.end(), better)->token;
  std::sort(candidates.begin(), candidates.end(), better);
  if (settings_.top_k > 0 && settings_.top_k < candidates.size()) candidates.resize(settings_.top_k);

  double sum = 0;
  for (Candidate& candidate : candidates)
    sum += candidate.probability = std::exp((candidate.logit - candidates[0].logit) / settings_.temperature);
  double kept = 0;
  std::size_t count = 0;
  while (count < candidates.size() && kept < settings_.top_p * sum) kept += candidates[count++].probability;

  double draw = next_draw() * kept;
  for (std::size_t i = 0; i < count; ++i)
    if ((draw -= candidates[i].probability) < 0) return candidates[i].token;
  return candidates[count - 1].token;
}

} // namespace intarsia
