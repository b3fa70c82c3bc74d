// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A worker stopped, killed or crashed in the middle of a job: one clear sentence, and the next job works.
#include <QProcess>
#include <csignal>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <thread>

#include "core/jobs/evaluate.h"
#include "core/worker/worker_jobs.h"
#include "tests/support/one_document.h"
#include "tests/support/paths.h"
#include "tests/support/tiny_model.h"
#include "tests/support/worker_client.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class TestDeaths : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  OpenedModel opened_ = open_model(resources_folder() / "demo-model");
  std::vector<int> tokens_ = std::vector<int>(400000, 7); // a job of many seconds
  std::vector<int> short_ = std::vector<int>(100, 7);

  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

  // Runs a long job; at its first progress `happens` is called. The job's error.
  template <typename Happens>
  Error error_of_long_job(WorkerModel& model, std::stop_token stop, Happens happens) {
    bool first = true;
    const JobControl control{[&](const Progress&) {
                               if (first) happens();
                               first = false;
                             },
                             stop};
    try {
      evaluate_perplexity(model, one_document(tokens_), {512, 0}, control);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::internal, "it came through");
  }

  // A whole job of many seconds, which loads its model itself.
  Error error_of_sensitivity(const std::shared_ptr<WorkerClient>& client, std::stop_token stop,
                             const std::function<void()>& happens) {
    SensitivityOptions options;
    options.samples = 1000;
    bool first = true;
    const JobControl control{[&](const Progress& progress) {
                               if (first && !progress.stage.starts_with("loading")) {
                                 first = false;
                                 happens();
                               }
                             },
                             stop};
    try {
      sensitivity_in_worker(*client, "cpu", opened_.checkpoint->path(), tokens_, options, control);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::internal, "it came through");
  }

  // What the process has computed so far, in ticks of the clock; very much once it is gone.
  static std::uint64_t processor_time(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text, skipped;
    if (!std::getline(file, text)) return UINT64_MAX;
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    for (int i = 0; i < 11; ++i) fields >> skipped;
    std::uint64_t user = 0;
    fields >> user;
    return user;
  }

  void verify_works(const std::shared_ptr<WorkerClient>& client) {
    const auto model = load_in_worker(client, opened_, "cpu", {});
    QVERIFY(evaluate_perplexity(*model, one_document(short_), {64, 0}, {}).tokens > 0);
  }

 private slots:
  void cleanup() { // no child is left, dead or alive
    QCOMPARE(::waitpid(-1, nullptr, WNOHANG), pid_t(-1));
    QCOMPARE(errno, ECHILD);
  }

  void a_stop_ends_the_job_and_keeps_the_worker() {
    const auto client = worker_client();
    const auto model = load_in_worker(client, opened_, "cpu", {});
    const pid_t pid = client->pid();
    std::stop_source stop;
    const Error error = error_of_long_job(*model, stop.get_token(), [&] { stop.request_stop(); });
    QVERIFY(error.kind() == ErrorKind::cancelled);
    QVERIFY(evaluate_perplexity(*model, one_document(short_), {64, 0}, {}).tokens >
            0); // the model is still there
    QCOMPARE(client->pid(), pid);
  }

  void a_stopped_answer_keeps_what_was_said() {
    const auto client = worker_client();
    const auto model = load_in_worker(client, opened_, "cpu", {});
    const auto sequence = model->new_sequence(4096);
    std::stop_source stop;
    GenerationRequest request;
    request.prompt = short_;
    request.max_tokens = 3000;
    request.sampling.temperature = 2;
    std::vector<int> cached;
    request.on_token = [&](int) { stop.request_stop(); };
    const auto result = generate(*sequence, cached, *opened_.tokenizer, request, {}, stop.get_token());
    QVERIFY(result.reason == StopReason::stopped);
    QVERIFY(!result.tokens.empty() && result.tokens.size() < 3000);
    QCOMPARE(sequence->length(), cached.size());
    QVERIFY(!sequence->forward(short_, true, {}).empty());
  }

  void a_cancelled_prompt_leaves_nothing_behind() {
    const auto client = worker_client();
    const auto model = load_in_worker(client, opened_, "cpu", {});
    const auto sequence = model->new_sequence(1 << 15);
    const auto before = sequence->forward(short_, true, {});
    const std::vector<int> long_prompt(30000, 9);
    std::stop_source stop;
    std::thread later([&, before_it = processor_time(client->pid())] {
      while (processor_time(client->pid()) < before_it + 5) std::this_thread::sleep_for(1ms);
      stop.request_stop(); // once it is at work
    });
    QCOMPARE(error_of([&] { sequence->forward(long_prompt, true, stop.get_token()); }),
             std::string("cancelled"));
    later.join();
    QCOMPARE(sequence->length(), short_.size());
    sequence->truncate(0);
    QVERIFY(sequence->forward(short_, true, {}) == before);
  }

  void killed_or_crashed_data() {
    QTest::addColumn<int>("signal");
    QTest::addColumn<QString>("words");
    QTest::newRow("kill -9, or out of memory") << SIGKILL << "killed (SIGKILL), most likely because memory";
    QTest::newRow("abort") << SIGABRT << "crashed (SIGABRT)";
    // Not SIGSEGV, which a sanitizer takes for itself.
    QTest::newRow("illegal instruction") << SIGILL << "crashed (SIGILL)";
  }
  void killed_or_crashed() {
    QFETCH(int, signal);
    QFETCH(QString, words);
    const auto client = worker_client();
    const auto model = load_in_worker(client, opened_, "cpu", {});
    const auto sequence = model->new_sequence(8);
    const pid_t pid = client->pid();
    const Error error = error_of_long_job(*model, {}, [&] { ::kill(pid, signal); });
    const QString sentence = error.what();
    QVERIFY2(sentence.contains("\"evaluate\"") && sentence.contains(words) &&
                 sentence.contains("try again") && !sentence.contains('\n'),
             error.what());
    QCOMPARE(process_state(pid), char(0)); // nor a zombie
    // What it held is gone, and says so; the next job starts a fresh one.
    QVERIFY(error_of([&] {
              sequence->forward(std::span(short_).first(1), true, {});
            }).find("load the model again") != std::string::npos);
    verify_works(client);
    QVERIFY(error_of([&] { model->new_sequence(8); }).find("load the model again") != std::string::npos);
  }

  void a_sensitivity_stops() {
    const auto client = worker_client();
    const pid_t pid = client->pid();
    std::stop_source stop;
    const Error error = error_of_sensitivity(client, stop.get_token(), [&] { stop.request_stop(); });
    QVERIFY2(error.kind() == ErrorKind::cancelled, error.what());
    verify_works(client);
    QCOMPARE(client->pid(), pid);
  }

  void a_killed_sensitivity_is_one_sentence() {
    const auto client = worker_client();
    const pid_t pid = client->pid();
    const Error error = error_of_sensitivity(client, {}, [&] { ::kill(pid, SIGKILL); });
    const QString sentence = error.what();
    QVERIFY2(sentence.contains("\"sensitivity\"") && sentence.contains("SIGKILL") && !sentence.contains('\n'),
             error.what());
    verify_works(client);
    QVERIFY(client->pid() != pid);
  }

  // Nothing stays behind of it that the end of the worker would come upon.
  void a_request_that_is_too_long_is_refused_here() {
    const auto client = worker_client();
    const auto model = load_in_worker(client, opened_, "cpu", {});
    const std::vector<int> long_text(std::size_t(7) << 20, 1000); // five bytes each
    QVERIFY(error_of([&] {
              evaluate_perplexity(*model, one_document(long_text), {512, 0}, {});
            }).find("too long") != std::string::npos);
    verify_works(client);
    ::kill(client->pid(), SIGKILL);
    verify_works(client);
  }

  void killed_between_jobs() {
    const auto client = worker_client();
    verify_works(client);
    const pid_t pid = client->pid();
    ::kill(pid, SIGKILL);
    verify_works(client); // whether its death is known yet or not
    QVERIFY(client->pid() != pid);
  }

  void killed_again_and_again() {
    const auto client = worker_client();
    for (int wait = 0; wait < 60; wait += 10) {
      const pid_t pid = client->pid();
      std::thread killer([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(wait));
        ::kill(pid, SIGKILL);
      });
      const std::string sentence = error_of([&] {
        const auto model = load_in_worker(client, opened_, "cpu", {});
        evaluate_perplexity(*model, one_document(std::vector<int>(4000, 7)), {512, 0}, {});
      });
      killer.join();
      // Empty: it came before anything had begun, and a fresh worker took over.
      QVERIFY2(sentence.empty() || sentence.find("SIGKILL") != std::string::npos ||
                   sentence.find("load the model") != std::string::npos,
               sentence.c_str());
    }
    verify_works(client);
  }

  // A driver that hangs: the worker neither works nor follows a stop.
  void one_that_hangs_is_killed() {
    const auto client = worker_client(300ms);
    const auto model = load_in_worker(client, opened_, "cpu", {});
    const pid_t pid = client->pid();
    std::stop_source stop;
    const Error error = error_of_long_job(*model, stop.get_token(), [&] {
      ::kill(pid, SIGSTOP);
      stop.request_stop();
    });
    QVERIFY2(error.kind() == ErrorKind::cancelled, error.what());
    QCOMPARE(process_state(pid), char(0));
    verify_works(client);
  }

  void a_hanging_one_does_not_keep_the_program() {
    pid_t pid = 0;
    {
      const auto client = worker_client(200ms);
      verify_works(client);
      pid = client->pid();
      ::kill(pid, SIGSTOP);
    }
    QCOMPARE(process_state(pid), char(0));
  }

  // The job of one client goes on while the other's worker dies.
  void a_death_ends_one_job_only() {
    const auto one = worker_client(), other = worker_client();
    const auto model = load_in_worker(one, opened_, "cpu", {}),
               neighbour = load_in_worker(other, opened_, "cpu", {});
    std::size_t scored = 0;
    std::thread running([&] {
      scored = evaluate_perplexity(*neighbour, one_document(std::vector<int>(20000, 7)), {512, 0}, {}).tokens;
    });
    error_of_long_job(*model, {}, [&] { ::kill(one->pid(), SIGKILL); });
    running.join();
    QVERIFY(scored > 19000);
  }

  // Quantizing killed and gone on with: the same bytes as in one go.
  void a_killed_quantization_is_resumed() {
    TinyModel tiny;
    tiny.hidden = 384;
    tiny.intermediate = 768;
    tiny.blocks = 2;
    tiny.heads = 6;
    tiny.kv_heads = 2;
    write_tiny_model(path("tiny"), tiny);
    const auto checkpoint = open_checkpoint(path("tiny"));
    Plan plan = mixed_plan(checkpoint->graph());
    for (auto& [name, layer] : plan.layers) layer.quantizer = parse_quantizer_id("vq-2.5"); // quick
    quantize_model(*checkpoint, plan, path("alone"), {}, {});
    const auto client = worker_client();
    QuantizeOptions options;
    std::size_t layers = 0;
    options.on_layer = [&](const LayerDone&) {
      if (++layers == 3) ::kill(client->pid(), SIGKILL);
    };
    const auto quantize = [&] {
      quantize_in_worker(*client, "cpu", path("tiny"), plan, path("killed"), options, {});
    };
    const std::string sentence = error_of(quantize);
    QVERIFY2(sentence.find("SIGKILL") != std::string::npos, sentence.c_str());
    QVERIFY(!fs::exists(path("killed")));
    layers = 1000;
    options.resume = true;
    QCOMPARE(error_of(quantize), std::string());
    for (const auto& entry : fs::directory_iterator(path("alone"))) {
      QFile one(entry.path()), other(path("killed") / entry.path().filename());
      QVERIFY(one.open(QIODevice::ReadOnly) && other.open(QIODevice::ReadOnly));
      QVERIFY2(one.readAll() == other.readAll(), entry.path().c_str());
    }
  }

  // Whoever started it is killed itself: the worker must not stay with the device's memory.
  void no_orphan_stays() {
    QProcess program;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("INTARSIA_CPU_IN_WORKER", "1");
    environment.insert("INTARSIA_WORKER", INTARSIA_WORKER);
    program.setProcessEnvironment(environment);
    program.start(INTARSIA_CLI,
                  {"chat", QString::fromStdString((resources_folder() / "demo-model").string())});
    program.write("Is ebony a hard wood?\n");
    QVERIFY(QTest::qWaitFor([&] { return program.bytesAvailable() > 0; }, 60000));
    const std::string list = "/proc/" + std::to_string(program.processId()) + "/task/" +
                             std::to_string(program.processId()) + "/children";
    std::ifstream children(list);
    pid_t worker = 0;
    QVERIFY(children >> worker);
    QVERIFY(process_state(worker) != 0);
    program.kill();
    program.waitForFinished();
    QVERIFY(
        QTest::qWaitFor([&] { return process_state(worker) == 0 || process_state(worker) == 'Z'; }, 10000));
  }
};

QTEST_GUILESS_MAIN(TestDeaths)
#include "test_deaths.moc"
