// SPDX-License-Identifier: GPL-3.0-or-later
// intarsia-worker: the one program that links CUDA. It takes requests as JSON lines on its standard input and
// answers on its standard output, as resources/help/worker-protocol.md says, and ends at end of input.
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "app/worker/jobs.h"
#include "app/worker/service.h"

namespace {

// The answers' pipe for us alone: what a library prints goes to standard error and cannot break a line.
int take_standard_output() {
  const int answers = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  return answers;
}

} // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN); // a program that left is seen at the end of input
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
