// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A LanguageModel in a worker process; every call is a request to the worker.
#pragma once

#include <memory>

#include "core/artifact/open_model.h"
#include "core/runtime/generator.h"
#include "core/worker/worker_client.h"

namespace intarsia {

class WorkerModel : public LanguageModel {
 public:
  // See load_in_worker().
  WorkerModel(std::shared_ptr<WorkerClient> client, const WorkerAnswer& loaded, const OpenedModel& opened);
  ~WorkerModel() override; // frees the model in the worker

  const ModelConfig& config() const override { return config_; }
  const LayerGraph& graph() const override { return graph_; }
  std::unique_ptr<Sequence> new_sequence(std::size_t capacity) override;
  std::uint64_t weight_bytes() const override { return weight_bytes_; }
  std::string note() const override { return note_; }
  // Not available across processes; both throw Error{unsupported}. Jobs that need them run in the worker as a
  // whole.
  void replace_linear(std::string_view name, LinearWeights weights) override;
  void observe_inputs(InputObserver observer) override;

  // Sends a request about this model to the worker that holds it. Throws Error{resource} when that worker has
  // ended.
  WorkerAnswer call(OrderedJson request, const JobControl& control = {},
                    const WorkerEvents& events = {}) const;
  std::uint64_t handle() const { return handle_; }
  bool is_alive() const; // false when the worker that held it has ended; it has to be loaded again
  bool shares_worker_with(const WorkerModel& other) const {
    return client_ == other.client_ && generation_ == other.generation_;
  }

 private:
  std::shared_ptr<WorkerClient> client_;
  std::uint64_t generation_, handle_ = 0, weight_bytes_ = 0;
  std::string note_;
  ModelConfig config_;
  LayerGraph graph_;
};

// Path of the model's file or folder, absolute, which a worker opens by itself.
std::filesystem::path path_of(const OpenedModel& model);

// Loads a model in the worker. `device`: "cpu" or "cuda:N". `context`: tokens of a sequence that must fit
// beside the model, else a GPU refuses to load it; 0: none.
std::unique_ptr<WorkerModel> load_in_worker(std::shared_ptr<WorkerClient> client, const OpenedModel& opened,
                                            const std::string& device, const JobControl& control,
                                            std::size_t context = 0);

} // namespace intarsia
