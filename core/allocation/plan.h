// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// plan.json: which quantizer and kernel every layer gets, what it is predicted to cost, and how good the
// answer is proven to be.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/model/layer_graph.h"
#include "core/palette/quantizer_id.h"
#include "core/runtime/kv_precision.h"

namespace intarsia {

struct PlannedLayer {
  QuantizerId quantizer;
  std::string kernel; // "tensor-core", "cuda-core", "cpu"
};

struct Plan {
  std::string model;
  // Every linear of the blocks; embedding and head where they are quantized, else they stay f16.
  std::map<std::string, PlannedLayer> layers;
  std::vector<std::vector<std::string>> fusions; // groups of two or more layers that run as one kernel

  QuantizerId quantizer_of(const LinearLayer& layer) const; // f16 when not among `layers`

  struct Budgets {
    std::optional<std::uint64_t> memory_bytes;
    std::optional<double> latency_seconds;
    std::size_t context = 0;
    KvPrecision kv_cache = KvPrecision::f16; // in the file only where it is q8
  } budgets;

  struct Predicted {
    double loss = 0;                // nats per token above f16
    bool calibrated = false;        // `loss` is that of rounding with feedback
    double bits_per_weight = 0;     // average nominal code bits of the blocks' linears
    std::uint64_t linear_bytes = 0; // codes and row scales of the blocks' linears
    std::uint64_t memory_bytes = 0; // everything
    std::optional<double> latency_seconds;
    bool latency_estimated = false; // from a table that nobody measured
  } predicted;

  struct Solver {
    std::string name;
    double seconds = 0;
    double relaxation_seconds = 0;            // of these, in the linear program before branching
    double objective = 0, bound = 0, gap = 0; // gap = (objective - bound) / objective
    bool proven = false;                      // gap is within what was asked for
  } solver;

  struct ShadowPrices {
    std::optional<double> loss_per_mebibyte;    // change of loss for one MiB more; <= 0
    std::optional<double> loss_per_millisecond; // for one ms more; <= 0
  } shadow_prices;
};

OrderedJson to_json(const Plan& plan);
// Throws Error naming the file and the field; checked against `graph`: no layer missing, unknown or with an
// unknown quantizer.
Plan parse_plan(const Json& json, const LayerGraph& graph, const std::string& origin);
Plan read_plan(const std::filesystem::path& path, const LayerGraph& graph);

} // namespace intarsia
