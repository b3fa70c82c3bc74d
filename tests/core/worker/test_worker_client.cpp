// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The client against programs that are no worker, or a bad one: shell scripts, so that each misdeed is a
// line.
#include <csignal>
#include <fstream>
#include <map>
#include <sys/wait.h>

#include "core/worker/worker_client.h"
#include "tests/support/test_support.h"
#include "tests/support/worker_client.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// What the descriptors of a process point to.
std::map<int, std::string> open_files(const std::string& process) {
  std::map<int, std::string> files;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator("/proc/" + process + "/fd", code))
    files[std::stoi(entry.path().filename())] = fs::read_symlink(entry.path(), code).string();
  return files;
}

} // namespace

class TestWorkerClient : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  int scripts_ = 0;

  WorkerOptions script(const std::string& body) {
    const fs::path path =
        fs::path(folder_.path().toStdString()) / ("worker-" + std::to_string(scripts_++) + ".sh");
    write_file(path, "#!/bin/sh\n" + body);
    fs::permissions(path, fs::perms::owner_all);
    return {path, 300ms, 0};
  }
  std::string error_from_script(const std::string& body) {
    WorkerClient client(script(body));
    return error_of([&] { client.call({{"do", "juggle"}}); });
  }

 private slots:
  void cleanup() { // no child is left, dead or alive
    QCOMPARE(::waitpid(-1, nullptr, WNOHANG), pid_t(-1));
    QCOMPARE(errno, ECHILD);
  }

  void an_answer_with_events_and_bytes() {
    WorkerClient client(script("read line\n"
                               "echo '{\"id\":1,\"progress\":{\"stage\":\"a\",\"done\":1,\"total\":2}}'\n"
                               "echo '{\"id\":1,\"ball\":3}'\n"
                               "printf '{\"id\":1,\"result\":{\"rows\":1},\"bytes\":4}\\na\\nb\\n'\n"
                               "read line\n"));
    std::vector<std::string> heard;
    const JobControl control{[&](const Progress& progress) { heard.push_back(progress.stage); }, {}};
    const auto answer = client.call({{"do", "juggle"}}, control, [&](const JsonObject& event) {
      heard.push_back("ball " + std::to_string(event.integer("ball")));
    });
    QCOMPARE(heard, (std::vector<std::string>{"a", "ball 3"}));
    QCOMPARE(answer.payload, std::string("a\nb\n"));
    QCOMPARE(answer.result["rows"].get<int>(), 1);
  }

  void a_program_that_is_not_there() {
    WorkerClient client({fs::path(folder_.path().toStdString()) / "missing", 300ms, 0});
    const std::string sentence = error_of([&] { client.call({{"do", "juggle"}}); });
    QVERIFY(sentence.find("missing: cannot be started") != std::string::npos);
  }

  void one_that_leaves_says_why() {
    const std::string sentence =
        error_from_script("read line\necho first >&2\necho 'libcudart is missing' >&2\nexit 3\n");
    QVERIFY2(sentence.find("\"juggle\"") != std::string::npos &&
                 sentence.find("exit code 3 (it said: libcudart is missing)") != std::string::npos,
             sentence.c_str());
  }

  void one_that_never_reads() {
    const std::string sentence = error_from_script("exit 0\n");
    QVERIFY2(sentence.find("exit code 0") != std::string::npos, sentence.c_str());
  }

  void one_that_crashes() {
    const std::string sentence = error_from_script("read line\nkill -SEGV $$\n");
    QVERIFY2(sentence.find("SIGSEGV") != std::string::npos, sentence.c_str());
  }

  void one_that_speaks_something_else() {
    for (const char* line : {"Hello!", "[1]", "{\"id\":-1}", "{\"id\":1,\"result\":{},\"bytes\":-5}",
                             "{\"id\":1,\"result\":{},\"bytes\":99999999999}"}) {
      const std::string sentence =
          error_from_script(std::string("read line\necho '") + line + "'\nread line\n");
      QVERIFY2(sentence.find("protocol") != std::string::npos, sentence.c_str());
    }
    const std::string echo = error_from_script("exec cat\n");
    QVERIFY2(echo.find("not an intarsia-worker") != std::string::npos, echo.c_str());
  }

  // After a fault on the GPU: its own words arrive, and the next job never meets it.
  void one_that_says_its_last_word() {
    WorkerClient client(script("read line\necho '{\"id\":1,\"error\":{\"kind\":\"internal\",\"message\":"
                               "\"CUDA failed\"},\"last\":true}'\nsleep 0.2\nexit 1\n"));
    for (int i = 0; i < 3; ++i) {
      const pid_t pid = client.pid();
      QCOMPARE(error_of([&] { client.call({{"do", "juggle"}}); }), std::string("CUDA failed"));
      QCOMPARE(process_state(pid), char(0));
    }
  }

  void one_that_lingers_after_its_last_word() {
    WorkerClient client(script("read line\necho '{\"id\":1,\"error\":{\"kind\":\"internal\",\"message\":"
                               "\"CUDA failed\"},\"last\":true}'\nwhile true; do sleep 1; done\n"));
    const pid_t pid = client.pid();
    QCOMPARE(error_of([&] { client.call({{"do", "juggle"}}); }), std::string("CUDA failed"));
    QCOMPARE(process_state(pid), char(0));
  }

  void a_flood_of_errors_does_not_stop_it() {
    WorkerClient client(script("read line\nhead -c 3000000 /dev/zero | tr '\\0' x >&2\n"
                               "echo '{\"id\":1,\"result\":{}}'\nread line\n"));
    QVERIFY(client.call({{"do", "juggle"}}).result.empty());
  }

  // A descriptor of ours in another worker would keep a worker's input open after we are gone.
  void no_descriptor_is_inherited() {
    const auto before = open_files("self");
    WorkerClient first(script("while read line; do :; done\n")),
        second(script("while read line; do :; done\n"));
    first.pid();
    const auto with_one = open_files("self");
    QVERIFY(with_one.size() > before.size());
    for (const auto& [fd, file] : open_files(std::to_string(second.pid())))
      if (fd > 2)
        for (const auto& [ours, ours_file] : with_one)
          QVERIFY2(file != ours_file || before.contains(ours), file.c_str());
  }

  // Signals the program blocks or ignores are as usual in the worker.
  void signals_are_as_usual() {
    std::signal(SIGPIPE, SIG_IGN);
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr);
    WorkerClient client(script("while read line; do :; done\n"));
    const std::string status = "/proc/" + std::to_string(client.pid()) + "/status";
    pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    std::ifstream file(status);
    int seen = 0;
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("SigBlk:") && !line.starts_with("SigIgn:")) continue;
      ++seen;
      QVERIFY2((std::stoull(line.substr(7), nullptr, 16) & 0x7fffffff) == 0, line.c_str());
    }
    QCOMPARE(seen, 2);
  }

  void one_that_does_not_follow_a_stop_is_killed() {
    WorkerClient client(script("trap '' TERM\nread line\necho '{\"id\":1,\"ball\":1}'\n"
                               "while read line; do :; done\nsleep 60\n"));
    const pid_t pid = client.pid();
    std::stop_source stop; // asked for in the middle of the job
    QCOMPARE(error_of([&] {
               client.call({{"do", "juggle"}}, {{}, stop.get_token()},
                           [&](const JsonObject&) { stop.request_stop(); });
             }),
             std::string("cancelled"));
    QVERIFY(::kill(pid, 0) != 0); // it would have slept for a minute
  }

  // It streams on after the stop, faster than it is read.
  void nor_does_talking_save_it() {
    WorkerClient client(script("while :; do echo '{\"id\":1,\"ball\":1}'; done\n"));
    std::stop_source stop;
    const pid_t pid = client.pid();
    const std::string sentence = error_of([&] {
      client.call({{"do", "juggle"}}, {{}, stop.get_token()},
                  [&](const JsonObject&) { stop.request_stop(); });
    });
    QCOMPARE(sentence, std::string("cancelled"));
    QVERIFY(::kill(pid, 0) != 0); // it would have talked on for ever
  }

  void the_next_request_starts_a_fresh_one() {
    WorkerClient client(script("read line\necho '{\"id\":1,\"started\":true}'\nkill -KILL $$\n"));
    const std::uint64_t generation = client.generation();
    const std::string sentence = error_of([&] { client.call({{"do", "juggle"}}, {}, {}, generation); });
    QVERIFY2(sentence.find("SIGKILL") != std::string::npos && sentence.find("memory") != std::string::npos,
             sentence.c_str());
    QVERIFY(error_of([&] {
              client.call({{"do", "juggle"}}, {}, {}, generation);
            }).find("load the model again") != std::string::npos);
    QVERIFY(client.generation() != generation);
  }

  // A worker may die unseen just before a request: the next takes it. One that was taken up is not done
  // twice.
  void a_request_is_repeated_only_where_nothing_has_happened() {
    const fs::path mark = fs::path(folder_.path().toStdString()) / "mark";
    const std::string once = "read line\nif [ -e " + mark.string() +
                             " ]; then echo '{\"id\":1,\"result\":{}}'; " + "read line; exit; fi\ntouch " +
                             mark.string() + "\n";
    WorkerClient client(script(once + "kill -KILL $$\n"));
    QCOMPARE(client.call({{"do", "juggle"}}).generation, std::uint64_t(2));
    fs::remove(mark);
    WorkerClient other(script(once + "echo '{\"id\":1,\"started\":true}'\nkill -KILL $$\n"));
    QVERIFY(error_of([&] { other.call({{"do", "juggle"}}); }).find("SIGKILL") != std::string::npos);
    QCOMPARE(other.call({{"do", "juggle"}}).generation, std::uint64_t(2));
  }

  void a_request_that_is_stopped_already_is_not_sent() {
    WorkerClient client(script("read line\nexit 1\n"));
    std::stop_source stop;
    stop.request_stop();
    QCOMPARE(error_of([&] {
               client.call({{"do", "juggle"}}, {{}, stop.get_token()});
             }),
             std::string("cancelled"));
  }

  // Nothing was asked yet; its end comes when ours does.
  void an_idle_worker_ends_with_its_client() {
    pid_t pid = 0;
    {
      WorkerClient client(script("while read line; do :; done\n"));
      pid = client.pid();
      QCOMPARE(::kill(pid, 0), 0);
    }
    QVERIFY(::kill(pid, 0) != 0);
  }
};

QTEST_GUILESS_MAIN(TestWorkerClient)
#include "test_worker_client.moc"
