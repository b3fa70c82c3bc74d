// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The command line killed, stopped, and out of disk: never a broken result, and --resume goes on.
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include "core/artifact/partial_file.h"
#include "core/artifact/quantize_job.h"
#include "core/checkpoint/checkpoint.h"
#include "tests/support/cli_json.h"
#include "tests/support/paths.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A terminal whose output is held, as Ctrl-S does it: a program waits at the first thing that it writes
// there, for as long as a test needs, whatever the speed of the machine.
class HeldTerminal {
 public:
  HeldTerminal()
      : reader_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (reader_ < 0 || ::grantpt(reader_) != 0 || ::unlockpt(reader_) != 0) return;
    name_ = ::ptsname(reader_);
    writer_ = ::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ::tcflow(writer_, TCOOFF);
  }
  ~HeldTerminal() {
    ::close(writer_);
    ::close(reader_);
  }
  HeldTerminal(const HeldTerminal&) = delete;
  HeldTerminal& operator=(const HeldTerminal&) = delete;

  // The error output of `process` goes here.
  void attach(QProcess& process) const {
    process.setStandardErrorFile(QString::fromStdString(name_), QIODevice::Append);
  }
  void release() const { ::tcflow(writer_, TCOON); }
  std::string written() const {
    ::fcntl(reader_, F_SETFL, O_NONBLOCK);
    std::string text(1 << 16, '\0');
    const ssize_t size = ::read(reader_, text.data(), text.size());
    text.resize(size > 0 ? std::size_t(size) : 0);
    return text;
  }

 private:
  int reader_ = -1, writer_ = -1;
  std::string name_;
};

std::string first_line_with(const fs::path& file, const std::string& word) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (line.find(word) != std::string::npos) return line;
  return {};
}

// A signal that was sent is pending until the program's own thread has taken it.
bool has_taken(pid_t process, int signal) {
  const std::string line = first_line_with("/proc/" + std::to_string(process) + "/status", "ShdPnd:");
  return line.empty() || (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1) == 0;
}

} // namespace

class TestInterruption : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

  QStringList quantize(const char* out) const {
    return {"quantize",      text(path("model")),    "--plan", text(path("plan.json")), "-o",
            text(path(out)), "--calibration-tokens", "1024"};
  }
  void verify_same(const char* out) const {
    for (const auto& entry : fs::directory_iterator(path("alone"))) {
      const std::string name = entry.path().filename().string();
      QVERIFY2(read_bytes(path(out) / name) == read_bytes(entry.path()), name.c_str());
    }
    const auto count = [](const fs::path& folder) {
      return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
    };
    QCOMPARE(count(path(out)), count(path("alone")));
  }

  // What the same job leaves behind that is stopped after `layers` layers.
  void leave_interrupted(const char* out, std::size_t layers) const {
    const auto checkpoint = open_checkpoint(path("model"));
    const Plan plan = read_plan(path("plan.json"), checkpoint->graph());
    QuantizeOptions options;
    options.calibration.emplace();
    options.calibration->tokens = 1024;
    options.calibration->seed = options.seed;
    std::stop_source stop;
    options.on_layer = [&](const LayerDone&) {
      if (--layers == 0) stop.request_stop();
    };
    QVERIFY_THROWS_EXCEPTION(Error,
                             quantize_model(*checkpoint, plan, path(out), options, {{}, stop.get_token()}));
    QVERIFY(fs::exists(path(out).string() + ".partial"));
  }

  // Takes up what is left at `out`; answers when that is under way, and it cannot end while the terminal is
  // held.
  void resume_held(QProcess& process, const char* out, const HeldTerminal& terminal) const {
    const fs::path begun = fs::path(path(out).string() + ".partial") / "plan.json"; // written first of all
    fs::remove(begun);
    terminal.attach(process);
    process.start(INTARSIA_CLI, quantize(out) << "--resume");
    QVERIFY(process.waitForStarted());
    QVERIFY(QTest::qWaitFor([&] { return fs::exists(begun); }, 60000));
  }

  // How many layers a run that takes it up finds done.
  std::size_t resumed_layers(const char* out) const {
    const CliResult result = run_cli(quantize(out) << "--resume"
                                                   << "--json");
    if (result.exit_code != 0) return 0;
    const Json layers = Json::parse(result.out)["layers"];
    return std::size_t(std::count_if(layers.begin(), layers.end(),
                                     [](const Json& layer) { return layer["resumed"].get<bool>(); }));
  }

 private slots:
  // Large enough that there is time to be killed in.
  void initTestCase() {
    TinyModel model;
    model.hidden = 384;
    model.intermediate = 768;
    model.blocks = 4;
    model.heads = 6;
    model.kv_heads = 2;
    write_tiny_model(path("model"), model);
    const auto checkpoint = open_checkpoint(path("model"));
    Plan plan = mixed_plan(checkpoint->graph());
    for (auto& [name, layer] : plan.layers) layer.quantizer = parse_quantizer_id("vq-5");
    write_file(path("plan.json"), to_json(plan).dump());
    QCOMPARE(run_cli(quantize("alone")).exit_code, 0);
  }

  void killed_in_the_middle() {
    leave_interrupted("killed", 5);
    const HeldTerminal terminal;
    QProcess process;
    resume_held(process, "killed", terminal);
    ::kill(pid_t(process.processId()), SIGKILL);
    QVERIFY(process.waitForFinished(60000));
    QVERIFY(!fs::exists(path("killed")));
    QCOMPARE(resumed_layers("killed"), std::size_t(5));
    verify_same("killed");
  }

  // Killed later and later until it comes through, each time resumed.
  void killed_again_and_again() {
    for (int wait = 5;; wait += 60) {
      QProcess process;
      process.start(INTARSIA_CLI, quantize("killed often") << "--resume");
      QVERIFY(process.waitForStarted());
      if (process.waitForFinished(wait)) {
        QCOMPARE(process.exitCode(), 0);
        break;
      }
      ::kill(pid_t(process.processId()), SIGKILL);
      process.waitForFinished();
      if (fs::exists(path("killed often"))) { // the kill came after the rename
        QVERIFY(run_cli({"inspect", text(path("killed often")), "--verify"}).exit_code == 0);
        fs::remove(path("killed often") / journal_name);
        break;
      }
    }
    verify_same("killed often");
  }

  void control_c_leaves_what_resume_needs() {
    leave_interrupted("stopped", 5);
    const HeldTerminal terminal;
    QProcess process;
    resume_held(process, "stopped", terminal);
    const auto pid = pid_t(process.processId());
    ::kill(pid, SIGINT);
    QVERIFY(QTest::qWaitFor([&] { return has_taken(pid, SIGINT); }, 60000));
    terminal.release();
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitCode(), 1);
    const std::string said = terminal.written();
    QVERIFY2(said.find("intarsia: cancelled") != std::string::npos, said.c_str());
    QCOMPARE(std::count(said.begin(), said.end(), '\n'), std::ptrdiff_t(1));
    QVERIFY(!fs::exists(path("stopped")));
    QVERIFY(resumed_layers("stopped") >= 5);
    verify_same("stopped");
  }

  void a_full_disk_is_one_line_and_can_be_resumed() {
    QProcess process;
    process.setChildProcessModifier([] {
      const rlimit limit{1 << 20, 1 << 20};
      setrlimit(RLIMIT_FSIZE, &limit);
    });
    process.start(INTARSIA_CLI, quantize("full"));
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitCode(), 1);
    const QByteArray error = process.readAllStandardError();
    QVERIFY2(error.contains("full.partial") && error.contains("cannot be written") && error.count('\n') == 1,
             error.constData());
    QVERIFY(!fs::exists(path("full")));
    QCOMPARE(run_cli(quantize("full") << "--resume").exit_code, 0);
    verify_same("full");
  }

  void an_output_file_on_a_full_disk_leaves_nothing() {
    QProcess process;
    process.setChildProcessModifier([] {
      const rlimit limit{16, 16};
      setrlimit(RLIMIT_FSIZE, &limit);
    });
    OrderedJson layers;
    const auto checkpoint = open_checkpoint(path("model"));
    for (const LinearLayer& layer : checkpoint->graph().linears) layers[layer.name] = 0.1;
    write_file(path("in.json"), OrderedJson{{"format", "intarsia-sensitivity/1"}, {"layers", layers}}.dump());
    process.start(INTARSIA_CLI, {"allocate", text(path("model")), "--memory", "4bpw", "--time-limit", "0.2",
                                 "--sensitivity", text(path("in.json")), "-o", text(path("s.json"))});
    QVERIFY(process.waitForFinished(120000));
    QCOMPARE(process.exitCode(), 1);
    const QByteArray error = process.readAllStandardError();
    QVERIFY2(error.contains("s.json") && error.contains("cannot be written"), error.constData());
    for (const auto& entry : fs::directory_iterator(folder_.path().toStdString()))
      QVERIFY2(!entry.path().filename().string().starts_with("s.json"), entry.path().c_str());
  }

  // An existing file stays as it was when the run that would replace it fails.
  void a_failed_run_keeps_the_old_output() {
    write_file(path("old.json"), "old");
    const CliResult result = run_cli({"allocate", text(path("model")), "--memory", "1KiB", "--sensitivity",
                                      text(path("missing.json")), "-o", text(path("old.json"))});
    QVERIFY(complains(result, 1, {"missing.json"}));
    QCOMPARE(read_bytes(path("old.json")), std::string("old"));
  }

  // Ctrl-C between the answers of a conversation ends it.
  void control_c_ends_a_waiting_conversation() {
    QProcess process;
    process.start(INTARSIA_CLI, {"chat", text(resources_folder() / "demo-model"), "--temperature", "0"});
    process.write("Is ebony a hard wood?\n");
    QVERIFY(QTest::qWaitFor(
        [&] { return process.bytesAvailable() > 0 && process.peek(1 << 16).endsWith('\n'); }, 60000));
    ::kill(pid_t(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
  }
};

QTEST_GUILESS_MAIN(TestInterruption)
#include "test_interruption.moc"
