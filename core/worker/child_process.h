// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A program at the other end of three pipes.
#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "core/worker/file_descriptor.h"

namespace intarsia {

struct ChildEnd {
  int signal = 0;    // that ended it; 0: none
  int exit_code = 0; // where no signal did
};

// The child is in a process group of its own, so that Ctrl-C in a terminal reaches only the program that
// started it, and has no other descriptor of ours. PR_SET_PDEATHSIG would end it with the *thread* that
// started it; instead the child is expected to end at the end of its input, which comes however we end.
class ChildProcess {
 public:
  // Throws Error{resource} when it cannot start.
  ChildProcess(const std::filesystem::path& program, std::vector<std::string> arguments);
  ~ChildProcess(); // kills it when it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  int output() const { return output_.get(); } // non-blocking, as is errors()
  int errors() const { return errors_.get(); }

  // False when the child has closed its input, or read nothing for so long.
  bool write(std::string_view bytes, std::chrono::milliseconds timeout);
  void close_input();
  void kill();
  bool ended(); // also before it was reaped
  // Waits so long for its end, then kills it.
  ChildEnd reap(std::chrono::milliseconds timeout);

 private:
  bool poll_end(ChildEnd& end);

  FileDescriptor input_, output_, errors_;
  pid_t pid_ = -1;
  std::mutex input_mutex_, pid_mutex_;
  bool reaped_ = false; // the pid may be another's from here on
  ChildEnd end_;
};

} // namespace intarsia
