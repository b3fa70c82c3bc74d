// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Requests to a worker about model files: one struct per job, and its mapping to JSON and back. The client
// writes, the worker reads. resources/help/worker-protocol.md describes the fields.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/artifact/quantize_job.h"
#include "core/base/json.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {

// In every struct `verb` is the request's "do", and `fields` are the names that it may have besides "id" and
// "do". Paths are absolute, devices are "cpu" or "cuda:N". Reading throws Error{input} that names the field.

struct LoadRequest {
  static constexpr const char* verb = "load";
  static const std::set<std::string> fields;
  std::string path; // of a checkpoint or an artifact
  std::string device;
  std::size_t context = 0; // tokens of a sequence that must fit beside the model; 0: none
};
OrderedJson to_json(const LoadRequest& request);
LoadRequest load_request_from(const JsonObject& json);

struct SensitivityRequest {
  static constexpr const char* verb = "sensitivity";
  static const std::set<std::string> fields;
  std::string path, device;
  SensitivityOptions options;
  std::vector<int> tokens; // of the text to measure on; empty: texts sampled from the model
  bool estimates = false;  // send an "estimate" event with every intermediate estimate
};
OrderedJson to_json(const SensitivityRequest& request);
SensitivityRequest sensitivity_request_from(const JsonObject& json);

struct QuantizeRequest {
  static constexpr const char* verb = "quantize";
  static const std::set<std::string> fields;
  std::string path, device, out;
  Json plan; // the content of plan.json; the worker checks it against the model's layer graph
  std::uint64_t seed = QuantizeOptions().seed;
  bool resume = false;
  std::optional<CalibrationChoice> calibration;
};
OrderedJson to_json(const QuantizeRequest& request);
QuantizeRequest quantize_request_from(const JsonObject& json);

struct ProfileRequest {
  static constexpr const char* verb = "profile";
  static const std::set<std::string> fields;
  std::string path, device;
};
OrderedJson to_json(const ProfileRequest& request);
ProfileRequest profile_request_from(const JsonObject& json);

struct SelftestRequest {
  static constexpr const char* verb = "selftest";
  static const std::set<std::string> fields;
  std::string device;
  std::uint64_t seed = 0;
  int cases = 8;
  bool real_shapes = false;
};
OrderedJson to_json(const SelftestRequest& request);
SelftestRequest selftest_request_from(const JsonObject& json);

// Throws Error{input} for a token id outside the model's vocabulary. `where`: the field, for the error.
void require_in_vocabulary(const std::vector<int>& tokens, std::size_t vocabulary, const std::string& where);

} // namespace intarsia
