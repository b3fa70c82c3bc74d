// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the worker can be asked to do: a file each.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "app/worker/answer_stream.h"
#include "app/worker/model_handles.h"
#include "core/base/json.h"
#include "core/base/progress.h"

namespace intarsia::worker {

// A request while it is worked on.
class JobContext {
 public:
  JobContext(LoadedModels& loaded_models, Output& output, std::uint64_t id, std::stop_token stop)
      : models(loaded_models)
      , output_(output)
      , id_(id)
      , stop_(std::move(stop)) {}

  JobControl control();         // its progress goes out, 20 lines a second at most
  void event(OrderedJson line); // a line that belongs to this request
  const std::stop_token& stop() const { return stop_; }

  LoadedModels& models; // those and the sequences live from one request to the next

 private:
  Output& output_;
  std::uint64_t id_;
  std::stop_token stop_;
};

struct JobResult {
  OrderedJson result = OrderedJson::object();
  std::vector<float> payload; // goes out as raw bytes behind the answer
};

struct Job {
  std::set<std::string> fields;                                         // besides "id" and "do"
  std::function<JobResult(const JsonObject& request, JobContext&)> run; // throws
};

Job devices_job();
Job load_job();
Job unload_job();
Job sequence_job();
Job close_job();
Job forward_job();
Job generate_job();
Job evaluate_job();
Job quantize_job();
Job profile_job();
Job selftest_job();
Job memory_job();
Job usage_job();
Job sensitivity_job();

std::map<std::string, Job> all_jobs();

} // namespace intarsia::worker
