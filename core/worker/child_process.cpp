// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/worker/child_process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>

#include "core/base/error.h"

namespace intarsia {
namespace {

using namespace std::chrono_literals;

constexpr int pipe_bytes = 1 << 20; // logits of a token are half of this; a refusal does no harm

Error start_error(const std::filesystem::path& program, int code) {
  return Error(ErrorKind::resource, program.string() + ": cannot be started: " + std::strerror(code));
}

struct Pipe {
  FileDescriptor read, write;
};

// Above 2, so that the child's standard streams can be set one by one whatever of ours is closed.
FileDescriptor above_standard_streams(FileDescriptor fd) {
  if (fd.get() > STDERR_FILENO) return fd;
  return FileDescriptor(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

Pipe make_pipe(const std::filesystem::path& program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw start_error(program, errno);
  Pipe pipe{above_standard_streams(FileDescriptor(ends[0])), above_standard_streams(FileDescriptor(ends[1]))};
  if (pipe.read.get() < 0 || pipe.write.get() < 0) throw start_error(program, EMFILE);
  ::fcntl(pipe.write.get(), F_SETPIPE_SZ, pipe_bytes);
  return pipe;
}

void make_non_blocking(const FileDescriptor& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

// What we ignore or block would be ignored or blocked in the child too.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (const int signal : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP, SIGQUIT})
      sigaddset(&defaults, signal);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

class SpawnStreams {
 public:
  SpawnStreams(const Pipe& input, const Pipe& output, const Pipe& errors) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, input.read.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output.write.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, errors.write.get(), STDERR_FILENO);
  }
  ~SpawnStreams() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnStreams(const SpawnStreams&) = delete;
  SpawnStreams& operator=(const SpawnStreams&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// A write to a dead child is an error for us to see, not a signal that ends the program, whatever the program
// does with SIGPIPE elsewhere.
class SigpipeHeldBack {
 public:
  SigpipeHeldBack() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~SigpipeHeldBack() {
    const timespec at_once{};
    if (!was_pending_)
      while (sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
      }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeHeldBack(const SigpipeHeldBack&) = delete;
  SigpipeHeldBack& operator=(const SigpipeHeldBack&) = delete;

 private:
  sigset_t pipe_, before_;
  bool was_pending_ = false;
};

} // namespace

ChildProcess::ChildProcess(const std::filesystem::path& program, std::vector<std::string> arguments) {
  Pipe input = make_pipe(program), output = make_pipe(program), errors = make_pipe(program);
  const SpawnAttributes attributes;
  const SpawnStreams streams(input, output, errors);
  arguments.insert(arguments.begin(), program.string());
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  if (const int code = ::posix_spawn(&pid_, words[0], streams.get(), attributes.get(), words.data(), environ);
      code != 0)
    throw start_error(program, code);
  input_ = std::move(input.write);
  output_ = std::move(output.read);
  errors_ = std::move(errors.read);
  for (const FileDescriptor* fd : {&input_, &output_, &errors_}) make_non_blocking(*fd);
}

ChildProcess::~ChildProcess() { reap(0ms); }

bool ChildProcess::write(std::string_view bytes, std::chrono::milliseconds timeout) {
  const std::lock_guard lock(input_mutex_);
  const SigpipeHeldBack held_back;
  while (!bytes.empty()) {
    if (input_.get() < 0) return false;
    const ssize_t written = ::write(input_.get(), bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(std::size_t(written));
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno != EAGAIN) return false;
    pollfd ready{input_.get(), POLLOUT, 0};
    if (::poll(&ready, 1, int(timeout.count())) == 0) return false;
  }
  return true;
}

void ChildProcess::close_input() {
  const std::lock_guard lock(input_mutex_);
  input_.reset();
}

void ChildProcess::kill() {
  const std::lock_guard lock(pid_mutex_);
  if (!reaped_) ::kill(pid_, SIGKILL);
}

bool ChildProcess::ended() {
  const std::lock_guard lock(pid_mutex_);
  if (reaped_) return true;
  siginfo_t info{};
  return ::waitid(P_PID, id_t(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid_;
}

bool ChildProcess::poll_end(ChildEnd& end) {
  const std::lock_guard lock(pid_mutex_);
  if (!reaped_) {
    int status = 0;
    const pid_t which = ::waitpid(pid_, &status, WNOHANG);
    if (which == 0 || (which < 0 && errno == EINTR)) return false;
    reaped_ = true; // also where someone else has waited for it
    if (which == pid_ && WIFSIGNALED(status)) end_.signal = WTERMSIG(status);
    if (which == pid_ && WIFEXITED(status)) end_.exit_code = WEXITSTATUS(status);
  }
  end = end_;
  return true;
}

ChildEnd ChildProcess::reap(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  ChildEnd end;
  while (!poll_end(end)) {
    if (std::chrono::steady_clock::now() >= deadline) kill();
    std::this_thread::sleep_for(1ms);
  }
  return end;
}

} // namespace intarsia
