// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A sequence of launches, captured once and then started with one call.
#pragma once

#include "cuda/memory/check.cuh"

namespace intarsia::cuda {

class DecodeGraph {
 public:
  DecodeGraph() = default;
  ~DecodeGraph() { reset(); }
  DecodeGraph(const DecodeGraph&) = delete;
  DecodeGraph& operator=(const DecodeGraph&) = delete;

  bool ready() const { return graph_ != nullptr; }
  void reset() {
    if (graph_) cudaGraphExecDestroy(graph_);
    graph_ = nullptr;
  }

  // Captures what `enqueue` puts on the stream; nothing of it runs. Kernels have to be loaded by then: run it
  // once before.
  template <typename Enqueue>
  void capture(cudaStream_t stream, const Enqueue& enqueue) {
    reset();
    cudaGraph_t captured = nullptr;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capturing a decode step");
    try {
      enqueue();
    } catch (...) {
      cudaStreamEndCapture(stream, &captured);
      if (captured) cudaGraphDestroy(captured);
      cudaGetLastError(); // the launches that follow would be blamed for it
      throw;
    }
    check(cudaStreamEndCapture(stream, &captured), "capturing a decode step");
    const cudaError_t status = cudaGraphInstantiate(&graph_, captured, 0);
    cudaGraphDestroy(captured);
    check(status, "making a graph of a decode step");
  }

  void launch(cudaStream_t stream) const { check(cudaGraphLaunch(graph_, stream), "starting a decode step"); }

 private:
  cudaGraphExec_t graph_ = nullptr;
};

} // namespace intarsia::cuda
