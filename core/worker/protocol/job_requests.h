// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a worker is asked to do about a model's files: a struct a job, and its one mapping to JSON. Both sides
// use it: the client writes, the worker reads. resources/help/worker-protocol.md describes the fields.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/artifact/quantize_job.h"
#include "core/base/json.h"
#include "core/sensitivity/sensitivity.h"

namespace intarsia {

// Of every struct: `verb` is the request's "do", `fields` are those that it may have besides "id" and "do".
// Reading throws Error{input} that names the field.

struct LoadRequest {
  static constexpr const char* verb = "load";
  static const std::set<std::string> fields;
  std::string path;        // of a checkpoint or an artifact; absolute
  std::string device;      // "cpu", "cuda:0"
  std::size_t context = 0; // tokens of a sequence to come; 0: none
};
OrderedJson to_json(const LoadRequest& request);
LoadRequest load_request_from(const JsonObject& json);

struct SensitivityRequest {
  static constexpr const char* verb = "sensitivity";
  static const std::set<std::string> fields;
  std::string path, device;
  SensitivityOptions options;
  std::vector<int> tokens; // of a text; empty: on text that the model makes itself
  bool estimates =
      false; // an "estimate" event, a sensitivity too, as often as estimate_sensitivity() has one
};
OrderedJson to_json(const SensitivityRequest& request);
SensitivityRequest sensitivity_request_from(const JsonObject& json);

struct QuantizeRequest {
  static constexpr const char* verb = "quantize";
  static const std::set<std::string> fields;
  std::string path, device, out;
  Json plan; // plan.json's content, which is read against the model's layer graph
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

// Throws Error{input} for an id that the model's vocabulary does not have.
void require_in_vocabulary(const std::vector<int>& tokens, std::size_t vocabulary, const std::string& where);

} // namespace intarsia
