// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Models and sequences that the worker holds between requests, by handles that are never reused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "app/worker/device_choice.h"
#include "core/artifact/open_model.h"
#include "core/base/json.h"

namespace intarsia::worker {

constexpr std::size_t max_capacity = std::size_t(1) << 24; // tokens; beyond any model's positions

struct LoadedModel {
  OpenedModel opened;
  std::unique_ptr<LanguageModel> model;
  DeviceChoice device;
  std::uint64_t reserved = 0; // bytes of the device's memory for a sequence that was announced
};

struct OpenSequence {
  std::uint64_t model = 0;
  std::unique_ptr<Sequence> sequence;
  std::vector<int> tokens; // in its cache, one for one

  void cut(std::size_t length);
};

class LoadedModels {
 public:
  std::uint64_t add(LoadedModel model);
  std::uint64_t add(OpenSequence sequence);
  // Those that a field of the request names. Throw Error{usage}.
  LoadedModel& model(const JsonObject& request, const std::string& field);
  OpenSequence& sequence(const JsonObject& request);
  LoadedModel& model_of(const OpenSequence& sequence) { return models_.at(sequence.model); }
  // What was reserved there and not taken yet: to models that have no sequence.
  std::uint64_t reserved(const DeviceChoice& device) const;
  void unload(const JsonObject& request); // and its sequences
  void close(const JsonObject& request);

 private:
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, LoadedModel> models_;
  std::map<std::uint64_t, OpenSequence> sequences_; // after the models: they go first
};

// The field "length": what the sequence is cut to before the request. Throws when it is shorter already.
std::size_t length_from(const JsonObject& request, const OpenSequence& sequence);

} // namespace intarsia::worker
