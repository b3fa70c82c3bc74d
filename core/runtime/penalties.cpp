// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/runtime/penalties.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace intarsia {
namespace {

// Longer repetitions count as this long, which bounds both the work and the power.
constexpr std::size_t max_match = 50;

bool within(int token, std::size_t size) { return token >= 0 && std::size_t(token) < size; }

// Tokens before `end` (one past a sequence) that equal those at the end of `history`.
std::size_t match_length(std::span<const int> history, std::size_t end, const std::vector<bool>& breaks) {
  std::size_t length = 0;
  while (length < max_match && length < end) {
    const int token = history[history.size() - 1 - length];
    if (history[end - 1 - length] != token) break;
    if (within(token, breaks.size()) && breaks[std::size_t(token)]) break;
    ++length;
  }
  return length;
}

} // namespace

void penalise_repetition(std::span<double> logits, std::span<const int> history, double penalty) {
  std::vector<bool> seen(logits.size());
  for (const int token : history) {
    if (!within(token, logits.size()) || seen[std::size_t(token)]) continue;
    seen[std::size_t(token)] = true;
    double& logit = logits[std::size_t(token)];
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

void penalise_counts(std::span<double> logits, std::span<const int> generated, double presence,
                     double frequency) {
  std::map<int, std::size_t> counts;
  for (const int token : generated)
    if (within(token, logits.size())) ++counts[token];
  for (const auto& [token, count] : counts)
    logits[std::size_t(token)] -= double(count) * frequency + presence;
}

void penalise_repeated_sequences(std::span<double> logits, std::span<const int> history,
                                 const DrySettings& dry, const std::vector<bool>& breaks) {
  std::map<int, std::size_t> longest; // repetition that a token would extend
  for (std::size_t end = 1; end < history.size(); ++end) {
    const int next = history[end];
    if (!within(next, logits.size()) || (within(next, breaks.size()) && breaks[std::size_t(next)])) continue;
    const std::size_t length = match_length(history, end, breaks);
    if (length > 0) longest[next] = std::max(longest[next], length);
  }
  for (const auto& [token, length] : longest)
    if (length >= dry.allowed_length)
      logits[std::size_t(token)] -= dry.multiplier * std::pow(dry.base, double(length - dry.allowed_length));
}

} // namespace intarsia
