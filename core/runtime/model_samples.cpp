// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/model_samples.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/runtime/sampler.h"

namespace intarsia {
namespace {

// From the whole distribution, which needs no order as a Sampler's does.
int sample_token(std::span<const float> logits, Random& random) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<float> weights(logits.size());
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) sum += double(weights[i] = std::exp(logits[i] - largest));
  if (!std::isfinite(sum)) refuse_damaged_logits();
  double left = random.uniform() * sum;
  std::size_t token = 0;
  while (token + 1 < weights.size() && (left -= double(weights[token])) >= 0) ++token;
  return int(token);
}

} // namespace

std::vector<std::vector<int>> sample_from_model(LanguageModel& model, const SampleOptions& options,
                                                const JobControl& control) {
  const std::size_t vocabulary = model.config().vocabulary, given = options.prefix.size();
  if (options.length < given + 1)
    throw Error(ErrorKind::internal, "sampled texts are to be shorter than their own beginning");
  Random random(seed_for(options.seed, "data-free sequences"));
  std::vector<Random> randoms;
  std::vector<std::vector<int>> sequences;
  for (std::size_t i = 0; i < options.skip + options.count; ++i) {
    Random own(random.next());
    const int begin = int(random.below(vocabulary));
    if (i < options.skip) continue;
    randoms.push_back(own);
    sequences.push_back(options.prefix);
    sequences.back().push_back(begin);
  }
  const double total = double(options.count * options.length);
  for (std::size_t first = 0; first < sequences.size(); first += model.batch_size()) {
    const auto part =
        std::span(sequences).subspan(first, std::min(model.batch_size(), sequences.size() - first));
    const auto batch = model.new_batch(part.size(), options.length);
    for (std::size_t step = 1; step < options.length; ++step) {
      control.report("sampling texts", double(first * options.length + part.size() * step), total);
      std::vector<int> last;
      for (const auto& sequence : part) last.push_back(sequence[step - 1]);
      const auto logits = batch->step(last, control.stop);
      if (step <= given) continue; // the next token is given
      parallel_for(part.size(), [&](std::size_t i) {
        part[i].push_back(
            sample_token(std::span(logits).subspan(i * vocabulary, vocabulary), randoms[first + i]));
      });
    }
  }
  return sequences;
}

} // namespace intarsia
