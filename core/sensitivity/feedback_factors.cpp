// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/sensitivity/feedback_factors.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/runtime/calibration.h"

namespace intarsia {
namespace {

constexpr std::size_t block_columns = 16;
constexpr std::size_t calibration_tokens = 16384; // by default (CalibrationChoice)
constexpr std::uint64_t rotation_seed = 1; // any: which signs are drawn makes no difference to speak of

} // namespace

std::size_t feedback_tokens(const LayerGraph& graph) {
  constexpr std::size_t tokens_a_column = 4;
  std::size_t widest = 0;
  for (const LinearLayer& layer : graph.linears) widest = std::max(widest, layer.d_in);
  return std::min(tokens_a_column * widest, calibration_tokens);
}

std::map<std::string, double> feedback_factors(const WeightSource& weights,
                                               const std::vector<std::vector<int>>& sequences,
                                               const OutputGradients& gradients,
                                               const DenseProducts& products, const JobControl& control) {
  Calibration calibration(weights, sequences, products, &gradients);
  std::map<std::string, double> factors;
  const std::size_t blocks = weights.config().blocks;
  for (std::size_t block = 0; block < blocks; ++block) {
    const JobControl part{[&](const Progress& progress) {
                            const double share = progress.total > 0 ? progress.done / progress.total : 0;
                            control.report("sensitivity", double(block) + share, double(blocks));
                          },
                          control.stop};
    calibration.read_block(part);
    std::string failed_input; // what reads it will be rounded without feedback
    for (const LinearLayer& layer : weights.graph().linears) {
      if (layer.block != block) continue;
      control.throw_if_stopped();
      factors[layer.name] = 1;
      if (layer.input == failed_input) continue;
      try {
        factors[layer.name] =
            calibration.factor(layer, Rotation(layer.d_in, seed_for(rotation_seed, layer.input)))
                ->feedback_factor(block_columns, {calibration.tokens(), calibration_tokens});
        if (const auto rows = calibration.row_factor(layer)) factors[layer.name] *= rows->feedback_factor();
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::input) throw;
        failed_input = layer.input;
      }
    }
    if (block + 1 < blocks) calibration.pass_block(part);
  }
  return factors;
}

} // namespace intarsia
