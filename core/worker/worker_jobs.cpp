// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/worker/worker_jobs.h"

#include <limits>

#include "core/worker/messages.h"

namespace intarsia {
namespace {

constexpr const char* answer_name = "the worker's answer";

} // namespace

Sensitivity sensitivity_in_worker(WorkerClient& client, const std::string& device,
                                  const std::filesystem::path& path, std::span<const int> text_tokens,
                                  const SensitivityOptions& options, const JobControl& control) {
  OrderedJson request{{"do", "sensitivity"},
                      {"path", std::filesystem::absolute(path).string()},
                      {"device", device},
                      {"options", to_json(options)}};
  if (!text_tokens.empty()) request["tokens"] = std::vector<int>(text_tokens.begin(), text_tokens.end());
  const auto answer = client.call(std::move(request), control);
  return parse_sensitivity(JsonObject(answer.result, answer_name)["sensitivity"], answer_name);
}

std::uint64_t predicted_gpu_memory(WorkerClient& client, const std::string& device,
                                   std::span<const OpenedModel* const> models, std::size_t context) {
  std::uint64_t models_alone = 0, beside_each = 0, beside_all = 0;
  for (const OpenedModel* model : models) {
    const auto answer = client.call(
        {{"do", "memory"}, {"path", path_of(*model).string()}, {"context", context}, {"device", device}});
    const JsonObject result(answer.result, answer_name);
    const JsonObject overhead = result.object("overhead");
    models_alone += result.count("total", 0, INT64_MAX);
    beside_each += overhead.count("cublas", 0, INT64_MAX); // one cuBLAS a model
    beside_all = overhead.count("context", 0, INT64_MAX);
  }
  return models_alone + beside_each + beside_all;
}

std::uint64_t backend_memory_in_worker(WorkerClient& client, const std::string& device) {
  const auto answer = client.call({{"do", "usage"}, {"device", device}});
  const JsonObject overhead = JsonObject(answer.result, answer_name).object("overhead");
  return overhead.count("context", 0, INT64_MAX / 2) + overhead.count("cublas", 0, INT64_MAX / 2);
}

std::uint64_t peak_memory_in_worker(WorkerClient& client, const std::string& device) {
  const auto answer = client.call({{"do", "usage"}, {"device", device}});
  return JsonObject(answer.result, answer_name).count("peak", 0, INT64_MAX);
}

void quantize_in_worker(WorkerClient& client, const std::string& device,
                        const std::filesystem::path& checkpoint, const Plan& plan,
                        const std::filesystem::path& out, const QuantizeOptions& options,
                        const JobControl& control) {
  OrderedJson request{{"do", "quantize"},
                      {"path", std::filesystem::absolute(checkpoint).string()},
                      {"device", device},
                      {"plan", to_json(plan)},
                      {"out", std::filesystem::absolute(out).string()},
                      {"seed", options.seed},
                      {"resume", options.resume}};
  if (options.calibration) request["calibration"] = to_json(*options.calibration);
  client.call(std::move(request), control, [&](const JsonObject& event) {
    if (options.on_note && event.has("note")) options.on_note(event.string("note"));
    if (options.on_layer && event.has("layer")) options.on_layer(layer_from(event.object("layer")));
  });
}

LatencyTable profile_in_worker(WorkerClient& client, const std::string& device,
                               const std::filesystem::path& model, const JobControl& control) {
  const auto answer = client.call(
      {{"do", "profile"}, {"path", std::filesystem::absolute(model).string()}, {"device", device}}, control);
  return parse_latency_table(JsonObject(answer.result, answer_name)["table"], answer_name);
}

std::vector<KernelCheck> selftest_in_worker(WorkerClient& client, const std::string& device,
                                            std::uint64_t seed, int cases, const JobControl& control,
                                            bool real_shapes) {
  OrderedJson request{{"do", "selftest"}, {"device", device}, {"seed", seed}, {"cases", cases}};
  if (real_shapes) request["real_shapes"] = true;
  const auto answer = client.call(std::move(request), control);
  std::vector<KernelCheck> checks;
  for (const Json& entry : JsonObject(answer.result, answer_name)["kernels"]) {
    const JsonObject fields(entry, answer_name);
    const bool finite = !fields["worst"].is_null();
    checks.push_back({fields.string("kernel"), int(fields.count("cases", 0, INT32_MAX)),
                      finite ? fields.number("worst") : std::numeric_limits<double>::infinity(),
                      fields.number("tolerance"), fields.string("problem")});
  }
  return checks;
}

} // namespace intarsia
