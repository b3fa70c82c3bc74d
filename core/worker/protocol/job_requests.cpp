// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/protocol/job_requests.h"

#include "core/worker/messages.h"

namespace intarsia {
namespace {

constexpr std::uint64_t max_context = std::uint64_t(1) << 24; // tokens; beyond any model's positions
constexpr int max_cases = 10000;

} // namespace

const std::set<std::string> LoadRequest::fields{"path", "device", "context"};

OrderedJson to_json(const LoadRequest& request) {
  OrderedJson json{{"do", request.verb}, {"path", request.path}, {"device", request.device}};
  if (request.context > 0) json["context"] = request.context;
  return json;
}

LoadRequest load_request_from(const JsonObject& json) {
  return {json.string("path"), json.string("device"), json.count_or("context", 1, max_context, 0)};
}

const std::set<std::string> SensitivityRequest::fields{"path", "device", "tokens", "options", "estimates"};

OrderedJson to_json(const SensitivityRequest& request) {
  OrderedJson json{{"do", request.verb},
                   {"path", request.path},
                   {"device", request.device},
                   {"options", to_json(request.options)}};
  if (!request.tokens.empty()) json["tokens"] = request.tokens;
  if (request.estimates) json["estimates"] = true;
  return json;
}

SensitivityRequest sensitivity_request_from(const JsonObject& json) {
  SensitivityRequest request{
      json.string("path"), json.string("device"), {}, {}, json.boolean_or("estimates", false)};
  if (json.has("options")) request.options = sensitivity_options_from(json.object("options"));
  if (json.has("tokens")) request.tokens = tokens_from(json, "tokens", INT32_MAX);
  return request;
}

const std::set<std::string> QuantizeRequest::fields{"path", "device", "plan",       "out",
                                                    "seed", "resume", "calibration"};

OrderedJson to_json(const QuantizeRequest& request) {
  OrderedJson json{{"do", request.verb},      {"path", request.path}, {"device", request.device},
                   {"plan", request.plan},    {"out", request.out},   {"seed", request.seed},
                   {"resume", request.resume}};
  if (request.calibration) json["calibration"] = to_json(*request.calibration);
  return json;
}

QuantizeRequest quantize_request_from(const JsonObject& json) {
  QuantizeRequest request;
  request.path = json.string("path");
  request.device = json.string("device");
  request.out = json.string("out");
  request.plan = json["plan"];
  request.seed = json.count_or("seed", 0, INT64_MAX, request.seed);
  request.resume = json.boolean_or("resume", false);
  if (json.has("calibration")) request.calibration = calibration_from(json.object("calibration"));
  return request;
}

const std::set<std::string> ProfileRequest::fields{"path", "device"};

OrderedJson to_json(const ProfileRequest& request) {
  return {{"do", request.verb}, {"path", request.path}, {"device", request.device}};
}

ProfileRequest profile_request_from(const JsonObject& json) {
  return {json.string("path"), json.string("device")};
}

const std::set<std::string> SelftestRequest::fields{"device", "seed", "cases", "real_shapes"};

OrderedJson to_json(const SelftestRequest& request) {
  OrderedJson json{
      {"do", request.verb}, {"device", request.device}, {"seed", request.seed}, {"cases", request.cases}};
  if (request.real_shapes) json["real_shapes"] = true;
  return json;
}

SelftestRequest selftest_request_from(const JsonObject& json) {
  SelftestRequest request;
  request.device = json.string("device");
  request.seed = json.count_or("seed", 0, INT64_MAX, request.seed);
  request.cases = int(json.count_or("cases", 1, max_cases, std::uint64_t(request.cases)));
  request.real_shapes = json.boolean_or("real_shapes", false);
  return request;
}

void require_in_vocabulary(const std::vector<int>& tokens, std::size_t vocabulary, const std::string& where) {
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || std::size_t(tokens[i]) >= vocabulary)
      throw input_error(where + ": token " + std::to_string(i) +
                        " is not a whole number below the vocabulary's " + std::to_string(vocabulary));
}

} // namespace intarsia
