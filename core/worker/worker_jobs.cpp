// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/worker/worker_jobs.h"

#include "core/worker/messages.h"

namespace intarsia {
namespace {

OrderedJson evaluation_request(const WorkerModel& model, const EvaluationText& text,
                               const EvaluationOptions& options) {
  OrderedJson request{{"do", "evaluate"},           {"model", model.handle()},
                      {"tokens", text.tokens},      {"documents", text.documents},
                      {"context", options.context}, {"most", options.most_tokens}};
  if (text.bos >= 0) request["bos"] = text.bos;
  return request;
}

} // namespace

PerplexityResult perplexity_anywhere(LanguageModel& model, const EvaluationText& text,
                                     const EvaluationOptions& options, const JobControl& control) {
  const auto* remote = dynamic_cast<const WorkerModel*>(&model);
  if (!remote) return perplexity(model, text, options, control);
  const auto answer = remote->call(evaluation_request(*remote, text, options), control);
  return perplexity_from(JsonObject(answer.result, "the worker's answer"));
}

DivergenceResult divergence_anywhere(LanguageModel& model, LanguageModel& reference,
                                     const EvaluationText& text, const EvaluationOptions& options,
                                     const JobControl& control) {
  const auto* remote = dynamic_cast<const WorkerModel*>(&model);
  const auto* other = dynamic_cast<const WorkerModel*>(&reference);
  if (!remote || !other || !remote->shares_worker_with(*other))
    return divergence(model, reference, text, options, control);
  OrderedJson request = evaluation_request(*remote, text, options);
  request["reference"] = other->handle();
  const auto answer = remote->call(std::move(request), control);
  return divergence_from(JsonObject(answer.result, "the worker's answer"));
}

Sensitivity sensitivity_in_worker(WorkerClient& client, const std::string& device,
                                  const std::filesystem::path& path, std::span<const int> text_tokens,
                                  const SensitivityOptions& options, const JobControl& control) {
  OrderedJson request{{"do", "sensitivity"},
                      {"path", std::filesystem::absolute(path).string()},
                      {"device", device},
                      {"options", to_json(options)}};
  if (!text_tokens.empty()) request["tokens"] = std::vector<int>(text_tokens.begin(), text_tokens.end());
  const auto answer = client.call(std::move(request), control);
  return parse_sensitivity(JsonObject(answer.result, "the worker's answer")["sensitivity"],
                           "the worker's answer");
}

std::uint64_t predicted_gpu_memory(WorkerClient& client, const std::string& device,
                                   std::span<const OpenedModel* const> models, std::size_t context) {
  std::uint64_t models_alone = 0, beside_each = 0, beside_all = 0;
  for (const OpenedModel* model : models) {
    const auto answer = client.call(
        {{"do", "memory"}, {"path", path_of(*model).string()}, {"context", context}, {"device", device}});
    const JsonObject result(answer.result, "the worker's answer");
    const JsonObject overhead = result.object("overhead");
    models_alone += result.count("total", 0, INT64_MAX);
    beside_each += overhead.count("cublas", 0, INT64_MAX); // one cuBLAS a model
    beside_all = overhead.count("context", 0, INT64_MAX);
  }
  return models_alone + beside_each + beside_all;
}

std::uint64_t backend_memory_in_worker(WorkerClient& client, const std::string& device) {
  const auto answer = client.call({{"do", "usage"}, {"device", device}});
  const JsonObject overhead = JsonObject(answer.result, "the worker's answer").object("overhead");
  return overhead.count("context", 0, INT64_MAX / 2) + overhead.count("cublas", 0, INT64_MAX / 2);
}

std::uint64_t peak_memory_in_worker(WorkerClient& client, const std::string& device) {
  const auto answer = client.call({{"do", "usage"}, {"device", device}});
  return JsonObject(answer.result, "the worker's answer").count("peak", 0, INT64_MAX);
}

void quantize_in_worker(WorkerClient& client, const std::string& device,
                        const std::filesystem::path& checkpoint, const Plan& plan,
                        const std::filesystem::path& out, const WorkerQuantizeOptions& options,
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

} // namespace intarsia
