// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What travels between a program and intarsia-worker, as JSON: both sides read and write it here.
// resources/help/worker-protocol.md describes it.
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

constexpr std::size_t longest_worker_line = std::size_t(32) << 20;   // about five million tokens
constexpr std::size_t largest_worker_payload = std::size_t(1) << 30; // of the bytes behind an answer
constexpr std::uint64_t largest_request_id = std::uint64_t(1) << 53; // what every JSON reader holds exactly

const char* to_string(ErrorKind kind);
OrderedJson to_json(ErrorKind kind, const std::string& sentence);
Error error_from(const JsonObject& json); // an unknown kind is an internal one

// Ids in [0, vocabulary).
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

// What is left out has its default.
OrderedJson to_json(const SensitivityOptions& options);
SensitivityOptions sensitivity_options_from(const JsonObject& json);

OrderedJson to_json(const CalibrationChoice& choice);
CalibrationChoice calibration_from(const JsonObject& json);
OrderedJson to_json(const LayerDone& layer);
LayerDone layer_from(const JsonObject& json);

} // namespace intarsia
