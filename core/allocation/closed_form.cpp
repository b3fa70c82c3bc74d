// SPDX-License-Identifier: GPL-3.0-or-later
// Q-Palette, Theorem 3.1: b_l = max(floor, C + log2(a_l / n_l) / 2), C such that sum b_l n_l meets the
// budget.
#include <algorithm>
#include <cmath>

#include "core/allocation/closed_form.h"
#include "core/palette/quantizer.h"

namespace intarsia {
namespace {

std::vector<double> bits_at(const LayerGraph& graph, const Sensitivity& sensitivity, double c,
                            double floor_bits) {
  std::vector<double> bits;
  for (const LinearLayer& layer : graph.linears) {
    const double a = sensitivity.layers.at(layer.name);
    const double wish = a > 0 ? c + 0.5 * std::log2(a / double(layer.weights())) : floor_bits;
    bits.push_back(std::max(floor_bits, wish));
  }
  return bits;
}

} // namespace

std::vector<double> closed_form_bits(const LayerGraph& graph, const Sensitivity& sensitivity,
                                     double bits_per_weight, double floor_bits) {
  const double budget = bits_per_weight * double(graph.linear_weights());
  double low = -200, high = 400; // C; the average rises with it
  for (int step = 0; step < 200; ++step) {
    const double middle = (low + high) / 2;
    const auto bits = bits_at(graph, sensitivity, middle, floor_bits);
    double total = 0;
    for (std::size_t i = 0; i < bits.size(); ++i) total += bits[i] * double(graph.linears[i].weights());
    (total < budget ? low : high) = middle;
  }
  return bits_at(graph, sensitivity, low, floor_bits);
}

double closed_form_loss(const LayerGraph& graph, const Sensitivity& sensitivity,
                        const std::vector<double>& bits) {
  double loss = 0;
  for (std::size_t i = 0; i < bits.size(); ++i)
    loss += sensitivity.layers.at(graph.linears[i].name) * distortion_bound(bits[i]);
  return loss;
}

} // namespace intarsia
