// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// intarsia-worker: the one program that links CUDA. It takes requests as JSON lines on its standard input and
// answers on its standard output, as resources/help/worker-protocol.md says, and ends at end of input.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include "app/worker/jobs.h"
#include "app/worker/service.h"
#include "core/base/parallel.h"

namespace {

// The answers' pipe for us alone: what a library prints goes to standard error and cannot break a line.
int take_standard_output() {
  const int answers = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  return answers;
}

// 0: one a core; nothing: not what it can be started with.
std::optional<std::size_t> threads_of(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return 0;
  if (arguments.size() != 2 || arguments[0] != "--threads") return std::nullopt;
  std::size_t threads = 0;
  const char* end = arguments[1].data() + arguments[1].size();
  const auto [read, error] = std::from_chars(arguments[1].data(), end, threads);
  return error == std::errc() && read == end && threads > 0 ? std::optional(threads) : std::nullopt;
}

} // namespace

int main(int argc, char** argv) {
  const auto threads = threads_of({argv + 1, argv + argc});
  if (!threads) {
    std::fputs("usage: intarsia-worker [--threads N], with requests on standard input; intarsia and "
               "intarsia-studio start it\n",
               stderr);
    return 2;
  }
  const intarsia::ThreadLimit limit(*threads);
  std::signal(SIGPIPE, SIG_IGN); // a program that left is seen at the end of input
  // "cuda:N" is to be the GPU that the driver's library, which the other side asks, gives that number; CUDA
  // by itself counts the fastest first.
  ::setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0);
  const int answers = take_standard_output();
  if (answers < 0) {
    std::fputs("intarsia-worker: standard output is closed; it is where answers go\n", stderr);
    return 1;
  }
  intarsia::worker::Output output{intarsia::FileDescriptor(answers)};
  intarsia::worker::Service service(output, intarsia::worker::all_jobs());
  service.serve(STDIN_FILENO);
  return 0;
}
