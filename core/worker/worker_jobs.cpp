// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/worker_jobs.h"

#include "core/worker/messages.h"
#include "core/worker/protocol/job_replies.h"
#include "core/worker/protocol/job_requests.h"

namespace intarsia {
namespace {

constexpr const char* answer_name = "the worker's answer";

} // namespace

Sensitivity sensitivity_in_worker(WorkerClient& client, const std::string& device,
                                  const std::filesystem::path& path, std::span<const int> text_tokens,
                                  const SensitivityOptions& options, const JobControl& control,
                                  const OnEstimate& on_estimate) {
  const SensitivityRequest request{std::filesystem::absolute(path).string(),
                                   device,
                                   options,
                                   {text_tokens.begin(), text_tokens.end()},
                                   bool(on_estimate)};
  std::optional<Sensitivity> enough;
  std::stop_source stop;
  const std::stop_callback stopped_outside(control.stop, [&] { stop.request_stop(); });
  const auto on_event = [&](const JsonObject& event) {
    if (!on_estimate || enough || !event.has("estimate")) return;
    Sensitivity so_far = parse_sensitivity(event["estimate"], answer_name);
    if (on_estimate(so_far)) return;
    enough = std::move(so_far);
    stop.request_stop();
  };
  WorkerAnswer answer;
  try {
    answer = client.call(to_json(request), {control.progress, stop.get_token()}, on_event);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled && enough && !control.stop.stop_requested()) return *enough;
    throw;
  }
  if (enough) return *enough; // the worker was done before it heard of it
  return parse_sensitivity(JsonObject(answer.result, answer_name)["sensitivity"], answer_name);
}

std::uint64_t predicted_gpu_memory(WorkerClient& client, const std::string& device,
                                   std::span<const OpenedModel* const> models, std::size_t context) {
  std::uint64_t models_alone = 0, beside_each = 0, beside_all = 0;
  for (const OpenedModel* model : models) {
    const auto answer = client.call(
        {{"do", "memory"}, {"path", path_of(*model).string()}, {"context", context}, {"device", device}});
    const JsonObject result(answer.result, answer_name);
    const BackendOverhead overhead = overhead_from(result.object("overhead"));
    models_alone += result.count("total", 0, INT64_MAX);
    beside_each += overhead.library; // one cuBLAS a model
    beside_all = overhead.context;
  }
  return models_alone + beside_each + beside_all;
}

std::uint64_t backend_memory_in_worker(WorkerClient& client, const std::string& device) {
  const auto answer = client.call({{"do", "usage"}, {"device", device}});
  const BackendOverhead overhead = overhead_from(JsonObject(answer.result, answer_name).object("overhead"));
  return overhead.context + overhead.library;
}

std::uint64_t peak_memory_in_worker(WorkerClient& client, const std::string& device) {
  const auto answer = client.call({{"do", "usage"}, {"device", device}});
  return JsonObject(answer.result, answer_name).count("peak", 0, INT64_MAX);
}

void quantize_in_worker(WorkerClient& client, const std::string& device,
                        const std::filesystem::path& checkpoint, const Plan& plan,
                        const std::filesystem::path& out, const QuantizeOptions& options,
                        const JobControl& control) {
  QuantizeRequest request;
  request.path = std::filesystem::absolute(checkpoint).string();
  request.device = device;
  request.out = std::filesystem::absolute(out).string();
  request.plan = to_json(plan);
  request.seed = options.seed;
  request.resume = options.resume;
  request.calibration = options.calibration;
  client.call(to_json(request), control, [&](const JsonObject& event) {
    if (options.on_note && event.has("note")) options.on_note(event.string("note"));
    if (options.on_layer && event.has("layer")) options.on_layer(layer_from(event.object("layer")));
  });
}

LatencyTable profile_in_worker(WorkerClient& client, const std::string& device,
                               const std::filesystem::path& model, const JobControl& control) {
  const ProfileRequest request{std::filesystem::absolute(model).string(), device};
  const auto answer = client.call(to_json(request), control);
  return parse_latency_table(JsonObject(answer.result, answer_name)["table"], answer_name);
}

std::vector<KernelCheck> selftest_in_worker(WorkerClient& client, const std::string& device,
                                            std::uint64_t seed, int cases, const JobControl& control,
                                            bool real_shapes) {
  const SelftestRequest request{device, seed, cases, real_shapes};
  return checks_from(JsonObject(client.call(to_json(request), control).result, answer_name));
}

} // namespace intarsia
