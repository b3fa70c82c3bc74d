// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "app/worker/model_handles.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/worker/messages.h"

namespace intarsia::worker {
namespace {

template <typename Entry>
auto find(std::map<std::uint64_t, Entry>& entries, const JsonObject& request, const std::string& field) {
  const std::uint64_t handle = request.count(field, 1, max_request_id);
  const auto found = entries.find(handle);
  if (found == entries.end())
    throw Error(ErrorKind::usage, "there is no " + field + " " + std::to_string(handle) + " here");
  return found;
}

} // namespace

void OpenSequence::cut(std::size_t length) {
  sequence->truncate(length);
  tokens.resize(std::min(tokens.size(), length));
}

std::uint64_t LoadedModels::add(LoadedModel model) {
  models_.emplace(++last_, std::move(model));
  return last_;
}

std::uint64_t LoadedModels::add(OpenSequence sequence) {
  sequences_.emplace(++last_, std::move(sequence));
  return last_;
}

LoadedModel& LoadedModels::model(const JsonObject& request, const std::string& field) {
  return find(models_, request, field)->second;
}

OpenSequence& LoadedModels::sequence(const JsonObject& request) {
  return find(sequences_, request, "sequence")->second;
}

std::uint64_t LoadedModels::reserved(const DeviceChoice& device) const {
  std::uint64_t bytes = 0;
  for (const auto& [handle, model] : models_) {
    const bool taken =
        std::any_of(sequences_.begin(), sequences_.end(),
                    [wanted = handle](const auto& entry) { return entry.second.model == wanted; });
    if (model.device == device && !taken) bytes += model.reserved;
  }
  return bytes;
}

void LoadedModels::unload(const JsonObject& request) {
  const auto found = find(models_, request, "model");
  std::erase_if(sequences_, [&](const auto& entry) { return entry.second.model == found->first; });
  models_.erase(found);
}

void LoadedModels::close(const JsonObject& request) {
  sequences_.erase(find(sequences_, request, "sequence"));
}

std::size_t length_from(const JsonObject& request, const OpenSequence& sequence) {
  return request.count_or("length", 0, sequence.tokens.size(), sequence.tokens.size());
}

} // namespace intarsia::worker
