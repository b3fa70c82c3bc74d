// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/device/latency_table.h"
#include "core/memory/memory_model.h"
#include "core/model/layer_graph.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {

// What stays the same while budgets move.
struct AllocationProblem {
  ModelConfig config;
  LayerGraph graph;
  Sensitivity sensitivity;
  std::optional<LatencyTable> latency; // absent: no latency budget, no fusion, kernel "cpu"
  std::map<std::string, QuantizerId> pins;
  std::map<std::string, std::set<QuantizerId>> forbidden;
  std::set<QuantizerFamily> only; // empty: all but f16
  bool allow_fusion = true;
  KvPrecision kv_cache = KvPrecision::f16;                  // what memory budgets leave room for
  std::shared_ptr<const MemoryModel> memory = cpu_memory(); // of the device that is planned for
  // Distortion of quantizers as another palette has them (planning for its tables); the rest are this
  // build's.
  std::map<QuantizerId, double> distortions;
};

} // namespace intarsia
