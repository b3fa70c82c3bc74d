// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A job is a function of its inputs with a progress sink and a stop token. The engine never prints.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

namespace intarsia {

struct Progress {
  std::string stage; // what is being done, for people: "model.layers.3.mlp.down_proj"
  double done = 0;   // work done so far, in the job's own unit
  double total = 0;  // work in all, same unit; 0 when unknown
};

// Called from whichever thread does the work, one call at a time, often: keep it cheap. May be empty.
using ProgressSink = std::function<void(const Progress&)>;

struct JobControl {
  ProgressSink progress;
  std::stop_token stop;

  void report(const std::string& stage, double done, double total) const {
    if (progress) progress({stage, done, total});
  }
  // Throws Error{cancelled} once a stop was requested. Jobs call it at least every 50 ms.
  void throw_if_stopped() const;
};

} // namespace intarsia
