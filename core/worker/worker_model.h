// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A model that lives in a worker, behind the face that models in this process have.
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
  ~WorkerModel() override; // gives the device's memory back

  const ModelConfig& config() const override { return config_; }
  const LayerGraph& graph() const override { return graph_; }
  std::unique_ptr<Sequence> new_sequence(std::size_t capacity) override;
  std::uint64_t weight_bytes() const override { return weight_bytes_; }
  std::string note() const override { return note_; }
  // Calibration needs these, and is part of a job of its own: Error{unsupported}.
  void replace_linear(std::string_view name, LinearWeights weights) override;
  void observe_inputs(InputObserver observer) override;

  // A request about this model, in the worker that holds it.
  WorkerAnswer call(OrderedJson request, const JobControl& control = {},
                    const WorkerEvents& events = {}) const;
  std::uint64_t handle() const { return handle_; }
  bool is_alive() const; // false: the worker that held it has ended, and it must be loaded again
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

// Where the model's file or folder is: what a worker is told, which opens it itself.
std::filesystem::path path_of(const OpenedModel& model);

// `device` is "cpu" or "cuda:N". The worker opens the model's files itself. `context`: tokens of a sequence
// to come, without room for which a GPU refuses the model; 0: none.
std::unique_ptr<WorkerModel> load_in_worker(std::shared_ptr<WorkerClient> client, const OpenedModel& opened,
                                            const std::string& device, const JobControl& control,
                                            std::size_t context = 0);

} // namespace intarsia
