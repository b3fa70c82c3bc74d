// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A sequence of a model in a worker. Every request contains the length that the sequence is truncated to
// first, so truncate() needs no request, and tokens of a cancelled request are removed by the next one.
#pragma once

#include <memory>

#include "core/runtime/generator.h"
#include "core/worker/worker_client.h"

namespace intarsia {

class WorkerSequence : public RemoteSequence {
 public:
  // `handle`: of an empty sequence in that generation of the worker.
  WorkerSequence(std::shared_ptr<WorkerClient> client, std::uint64_t generation, std::uint64_t handle,
                 std::size_t capacity, std::size_t vocabulary);
  ~WorkerSequence() override;

  std::size_t length() const override { return length_; }
  std::size_t capacity() const override { return capacity_; }
  void truncate(std::size_t length) override;
  std::vector<float> forward(std::span<const int> tokens, bool last_only, std::stop_token stop) override;
  GenerationResult generate(std::vector<int>& cached_tokens, const GenerationRequest& request,
                            const std::function<void(std::string_view)>& on_text,
                            std::stop_token stop) override;

 private:
  std::shared_ptr<WorkerClient> client_;
  std::uint64_t generation_, handle_;
  std::size_t capacity_, vocabulary_, length_ = 0;
};

} // namespace intarsia
