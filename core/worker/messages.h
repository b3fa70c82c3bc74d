// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// JSON of the values in requests to intarsia-worker and its replies, used by both sides.
// resources/help/worker-protocol.md describes the fields. Reading throws Error{input} that names the field.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/artifact/quantize_job.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/evaluation/evaluation.h"
#include "core/runtime/generator.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {

constexpr std::size_t max_worker_line_bytes = std::size_t(32) << 20;   // enough for about five million tokens
constexpr std::size_t max_worker_payload_bytes = std::size_t(1) << 30; // of the raw bytes after a reply
constexpr std::uint64_t max_request_id = std::uint64_t(1) << 53;       // exact in every JSON reader

const char* to_string(ErrorKind kind);
OrderedJson to_json(ErrorKind kind, const std::string& sentence);
Error error_from(const JsonObject& json); // an unknown kind is read as internal

// The token ids of a field; each must lie in [0, vocabulary).
std::vector<int> tokens_from(const JsonObject& request, const std::string& field, std::size_t vocabulary);

std::vector<std::string> strings_from(const JsonObject& request, const std::string& field);

OrderedJson to_json(const SamplingSettings& settings);
SamplingSettings sampling_from(const JsonObject& json);

OrderedJson to_json(const GenerationResult& result);
GenerationResult generation_from(const JsonObject& json);
const char* to_string(StopReason reason);

OrderedJson to_json(const PerplexityResult& result);
PerplexityResult perplexity_from(const JsonObject& json);

OrderedJson to_json(const DivergenceResult& result);
DivergenceResult divergence_from(const JsonObject& json);

// Absent fields have their defaults.
OrderedJson to_json(const SensitivityOptions& options);
SensitivityOptions sensitivity_options_from(const JsonObject& json);

OrderedJson to_json(const CalibrationChoice& choice);
CalibrationChoice calibration_from(const JsonObject& json);
OrderedJson to_json(const LayerDone& layer);
LayerDone layer_from(const JsonObject& json);

} // namespace intarsia
