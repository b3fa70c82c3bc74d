// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Q-Palette, Theorem 3.1: b_l = max(floor, C + log2(a_l / n_l) / 2), C such that sum b_l n_l meets the
// budget.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/allocation/closed_form.h"
#include "core/palette/quantizer.h"

namespace intarsia {
namespace {

// What C is added to, layer by layer; minus infinity where nothing is lost.
std::vector<double> offsets_of(const LayerGraph& graph, const Sensitivity& sensitivity) {
  std::vector<double> offsets;
  for (const LinearLayer& layer : graph.linears) {
    const double a = sensitivity.layers.at(layer.name);
    offsets.push_back(a > 0 ? 0.5 * std::log2(a / double(layer.weights()))
                            : -std::numeric_limits<double>::infinity());
  }
  return offsets;
}

} // namespace

std::vector<double> closed_form_bits(const LayerGraph& graph, const Sensitivity& sensitivity,
                                     double bits_per_weight, double floor_bits) {
  const double budget = bits_per_weight * double(graph.linear_weights());
  std::vector<double> bits = offsets_of(graph, sensitivity), weights;
  const std::vector<double> offsets = bits;
  for (const LinearLayer& layer : graph.linears) weights.push_back(double(layer.weights()));
  const auto set_bits = [&](double c) {
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = std::max(floor_bits, c + offsets[i]);
  };
  double low = -200, high = 400; // C; the average rises with it
  for (int step = 0; step < 200; ++step) {
    const double middle = (low + high) / 2;
    set_bits(middle);
    (std::inner_product(bits.begin(), bits.end(), weights.begin(), 0.0) < budget ? low : high) = middle;
  }
  set_bits(low);
  return bits;
}

double closed_form_loss(const LayerGraph& graph, const Sensitivity& sensitivity,
                        const std::vector<double>& bits) {
  double loss = 0;
  for (std::size_t i = 0; i < bits.size(); ++i)
    loss += sensitivity.layers.at(graph.linears[i].name) * distortion_bound(bits[i]);
  return loss;
}

} // namespace intarsia
