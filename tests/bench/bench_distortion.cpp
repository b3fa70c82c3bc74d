// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Are a model's rotated weights as good as Gaussian? For every kind of linear the measured distortion of a
// quantizer as a ratio to its distortion on unit Gaussian samples: the least, mean and largest over the
// layers, with the rotation and without it.
//   bench_distortion MODEL ROWS ID …     (the first ROWS rows of each layer)
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <string>

#include "core/artifact/open_model.h"
#include "core/base/random.h"
#include "core/palette/quantized_linear.h"

using namespace intarsia;

namespace {

struct Ratios {
  double least = 1e9, sum = 0, largest = 0;
  int count = 0;
  void add(double ratio) {
    least = std::min(least, ratio);
    largest = std::max(largest, ratio);
    sum += ratio;
    ++count;
  }
};

// |Q(W) - W|^2 / |W|^2 of rows scaled to unit variance, not rotated.
double plain_distortion(std::span<const float> weights, MatrixShape shape, const Quantizer& quantizer) {
  std::vector<float> unit(weights.begin(), weights.end()), decoded(weights.size());
  double error = 0, energy = 0;
  for (std::size_t row = 0; row < shape.rows; ++row) {
    const auto values = std::span(unit).subspan(row * shape.columns, shape.columns);
    double sum = 0;
    for (const float value : values) sum += double(value) * value;
    const float scale = sum > 0 ? float(1 / std::sqrt(sum / double(shape.columns))) : 0;
    for (float& value : values) value *= scale;
  }
  std::vector<std::byte> codes(quantizer.code_bytes(shape));
  quantizer.encode(unit, shape, codes, {});
  quantizer.decode(codes, shape, 0, shape.rows, decoded);
  for (std::size_t i = 0; i < unit.size(); ++i) {
    error += (double(unit[i]) - decoded[i]) * (double(unit[i]) - decoded[i]);
    energy += double(unit[i]) * unit[i];
  }
  return energy > 0 ? error / energy : 0;
}

void measure(const Checkpoint& model, const Quantizer& quantizer, std::size_t rows) {
  std::map<LinearRole, Ratios> rotated, plain;
  for (const LinearLayer& layer : model.graph().linears) {
    const MatrixShape shape{std::min(rows, layer.d_out), layer.d_in};
    std::vector<float> weights(shape.size());
    model.read_rows(layer.name + ".weight", 0, shape.rows, weights);
    plain[layer.role].add(plain_distortion(weights, shape, quantizer) / quantizer.distortion());
    const auto rotation = std::make_shared<const Rotation>(layer.d_in, seed_for(1, layer.input));
    const auto coded = quantize_linear(weights, shape, quantizer.id(), rotation, layer.name, {});
    rotated[layer.role].add(coded.distortion / quantizer.distortion());
  }
  for (const auto& [role, ratios] : rotated) {
    const Ratios& without = plain[role];
    fmt::print("{:<10} {:<5} {:>8.4f} {:>8.4f} {:>8.4f}   {:>8.3f} {:>8.3f} {:>8.3f}\n",
               to_string(quantizer.id()), role_name(role), ratios.least, ratios.sum / ratios.count,
               ratios.largest, without.least, without.sum / without.count, without.largest);
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 4) return fmt::print(stderr, "usage: bench_distortion MODEL ROWS ID …\n"), 2;
  const OpenedModel model = open_model(argv[1]);
  fmt::print("measured distortion / that on a unit Gaussian; least, mean, largest over the layers\n");
  fmt::print("{:<10} {:<5} {:>26}   {:>26}\n", "quantizer", "layer", "with the rotation", "without");
  for (int i = 3; i < argc; ++i)
    measure(*model.checkpoint, quantizer(parse_quantizer_id(argv[i])), std::size_t(std::atoi(argv[2])));
  return 0;
}
