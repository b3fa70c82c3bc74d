// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/worker_model.h"

#include <cstring>

#include "core/worker/messages.h"
#include "core/worker/protocol/job_requests.h"
#include "core/worker/worker_sequence.h"

namespace intarsia {

WorkerModel::WorkerModel(std::shared_ptr<WorkerClient> client, const WorkerAnswer& loaded,
                         const OpenedModel& opened)
    : client_(std::move(client))
    , generation_(loaded.generation)
    , config_(opened.config())
    , graph_(opened.graph()) {
  const JsonObject result(loaded.result, "the worker's answer");
  handle_ = result.count("model", 1, max_request_id);
  weight_bytes_ = result.count("weight_bytes", 0, INT64_MAX);
  note_ = result.string_or("note", "");
  if (result.count("vocabulary", 1, INT32_MAX) != config_.vocabulary)
    throw Error(ErrorKind::internal, "the worker has loaded another model than it was asked for");
}

WorkerModel::~WorkerModel() { client_->release("unload", "model", handle_, generation_); }

std::unique_ptr<Sequence> WorkerModel::new_sequence(std::size_t capacity) {
  const auto answer = call({{"do", "sequence"}, {"model", handle_}, {"capacity", capacity}});
  const auto handle = JsonObject(answer.result, "the worker's answer").count("sequence", 1, max_request_id);
  return std::make_unique<WorkerSequence>(client_, generation_, handle, capacity, config_.vocabulary);
}

void WorkerModel::replace_linear(std::string_view, LinearWeights) {
  throw Error(ErrorKind::unsupported, "weights cannot be exchanged in a worker process: load the model here");
}

void WorkerModel::observe_inputs(InputObserver) {
  throw Error(ErrorKind::unsupported,
              "activations cannot be observed in a worker process: load the model here");
}

WorkerAnswer WorkerModel::call(OrderedJson request, const JobControl& control,
                               const WorkerEvents& events) const {
  return client_->call(std::move(request), control, events, generation_);
}

bool WorkerModel::is_alive() const { return client_->is_alive(generation_); }

std::filesystem::path path_of(const OpenedModel& model) {
  return std::filesystem::absolute(model.artifact ? model.artifact->path() : model.checkpoint->path());
}

std::unique_ptr<WorkerModel> load_in_worker(std::shared_ptr<WorkerClient> client, const OpenedModel& opened,
                                            const std::string& device, const JobControl& control,
                                            std::size_t context) {
  opened.weights(); // refuses a bare config.json here
  const auto answer = client->call(to_json(LoadRequest{path_of(opened).string(), device, context}), control);
  return std::make_unique<WorkerModel>(std::move(client), answer, opened);
}

} // namespace intarsia
