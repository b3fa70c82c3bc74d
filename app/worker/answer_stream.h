// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <mutex>
#include <span>
#include <string_view>

#include "core/base/json.h"
#include "core/worker/file_descriptor.h"

namespace intarsia::worker {

// Whole lines on a pipe, from any thread. Numbers that are not finite come out as null. Lines to a reader
// that has left are lost.
class Output {
 public:
  explicit Output(FileDescriptor fd)
      : fd_(std::move(fd)) {}

  void send(const OrderedJson& line) { send(line, {}); }
  // With a payload, the line gets a field "bytes" and so many raw bytes follow it.
  void send(OrderedJson line, std::span<const float> payload);

 private:
  void write(std::string_view bytes);

  FileDescriptor fd_;
  std::mutex mutex_;
};

} // namespace intarsia::worker
