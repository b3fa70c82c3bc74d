// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Stands in for intarsia-worker where a worker is to die in the middle of a job: passes on what the worker
// that INTARSIA_REAL_WORKER names answers, up to the first line that holds the text of the file
// INTARSIA_KILL_AT, and then kills that worker and itself. Where that file is absent nothing happens; it is
// removed by the kill. The worker cannot be far ahead, however slow this is: its answers wait in a pipe of
// one page.
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int page = 4096;

bool write_all(const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes, size);
    if (written <= 0) return false;
    bytes += written;
    size -= std::size_t(written);
  }
  return true;
}

std::string text_to_kill_at() {
  const char* path = std::getenv("INTARSIA_KILL_AT");
  std::ifstream file(path ? path : "");
  return {std::istreambuf_iterator<char>(file), {}};
}

[[noreturn]] void kill_both(pid_t worker) {
  ::kill(worker, SIGKILL);
  ::waitpid(worker, nullptr, 0);
  std::filesystem::remove(std::getenv("INTARSIA_KILL_AT"));
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

void pass_on(int answers, pid_t worker) {
  std::string line; // the last one, as far as it came
  char bytes[256];
  for (ssize_t count; (count = ::read(answers, bytes, sizeof bytes)) > 0;) {
    const std::string text = text_to_kill_at();
    for (ssize_t i = 0; i < count; ++i) {
      line += bytes[i];
      if (bytes[i] != '\n') continue;
      const bool last = !text.empty() && line.find(text) != std::string::npos;
      line.clear();
      if (!last) continue;
      write_all(bytes, std::size_t(i) + 1);
      kill_both(worker);
    }
    if (!write_all(bytes, std::size_t(count))) return;
  }
}

} // namespace

int main(int, char** argv) {
  int answers[2];
  if (::pipe2(answers, O_CLOEXEC) != 0) return 1;
  ::fcntl(answers[1], F_SETPIPE_SZ, page);
  const pid_t worker = ::fork();
  if (worker < 0) return 1;
  if (worker == 0) {
    ::dup2(answers[1], STDOUT_FILENO);
    ::execv(std::getenv("INTARSIA_REAL_WORKER"), argv);
    ::_exit(127);
  }
  ::close(answers[1]);
  ::close(STDIN_FILENO); // the worker's alone: it ends at the end of its input
  pass_on(answers[0], worker);
  int status = 0;
  ::waitpid(worker, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
