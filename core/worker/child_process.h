// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A child process with pipes to its standard input, output and error.
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
  int signal = 0;    // that terminated it; 0: none
  int exit_code = 0; // where it exited by itself
};

// The child is in a process group of its own, so that Ctrl-C in a terminal reaches only this program, and
// inherits no other file descriptor. It is expected to exit at the end of its input, which it gets however
// this process ends (PR_SET_PDEATHSIG would kill it with the *thread* that started it).
class ChildProcess {
 public:
  // Throws Error{resource} when the program cannot be started.
  ChildProcess(const std::filesystem::path& program, std::vector<std::string> arguments);
  ~ChildProcess(); // kills the child if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Descriptors of its standard output and error, non-blocking.
  int output() const { return output_.get(); }
  int errors() const { return errors_.get(); }

  // Writes to its standard input. False when the child has closed it, or read nothing for `timeout`.
  bool write(std::string_view bytes, std::chrono::milliseconds timeout);
  void close_input();
  void kill();
  bool ended(); // true also before reap()
  // Waits up to `timeout` for its end, then kills it; returns how it ended.
  ChildEnd reap(std::chrono::milliseconds timeout);

 private:
  bool poll_end(ChildEnd& end);

  FileDescriptor input_, output_, errors_;
  pid_t pid_ = -1;
  std::mutex input_mutex_, pid_mutex_;
  bool reaped_ = false; // from then on the pid may belong to another process
  ChildEnd end_;
};

} // namespace intarsia
