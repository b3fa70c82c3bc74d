// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What `intarsia devices` says of a GPU that a played driver shows, and of what a worker answers about it.
#include "core/base/mapped_file.h"
#include "tests/support/cli_json.h"
#include "tests/support/paths.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {

// A worker's answer to "devices".
std::string listing(const std::string& name, const std::string& bandwidth) {
  const OrderedJson device{
      {"id", "cuda:0"}, {"name", name}, {"bandwidth", parse_json(bandwidth, "bandwidth")}};
  return OrderedJson{{"devices", {device}}, {"driver_version", 12040}, {"problem", ""}}.dump();
}

} // namespace

class TestDevices : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

  void set(const char* name, const fs::path& value) {
    qputenv(name, QByteArray::fromStdString(value.string()));
  }

  // A worker that answers every first request so, and writes down what it was asked.
  void play_worker(const std::string& result) {
    const fs::path program = path("worker");
    write_file(program, "#!/bin/sh\nread -r line\necho \"$line\" >>" + path("asked").string() +
                            "\necho '{\"id\":1,\"result\":" + result + "}'\nread -r line\n");
    fs::permissions(program, fs::perms::owner_all);
    set("INTARSIA_WORKER", program);
  }
  // This build's worker, whose CPU is played to be cuda:0, with memory of its own.
  void play_gpu() {
    const fs::path program = path("proxy");
    write_file(program,
               std::string("#!/bin/sh\nsed -u 's/\"device\":\"cuda:0\"/\"device\":\"cpu\"/' | ") +
                   INTARSIA_WORKER +
                   " | sed -u -E 's/\"error\":\\{\"kind\":\"(unsupported|usage)\"[^}]*\\}/" +
                   "\"result\":{\"total\":7000000,\"overhead\":{\"context\":300,\"cublas\":20}}/'\n");
    fs::permissions(program, fs::perms::owner_all);
    set("INTARSIA_WORKER", program);
  }

  static Json gpu() {
    const Json all = run_json({"devices"});
    for (const Json& device : all["devices"])
      if (device["kind"] == "cuda") return device;
    return {};
  }
  static std::string reason() {
    const Json device = gpu();
    return device.is_object() && device["usable"] == false ? device["reason"].get<std::string>() : "usable";
  }

 private slots:
  void init() {
    set("LD_LIBRARY_PATH", FAKE_NVML_FOLDER);
    fs::remove_all(path("cache"));
    set("XDG_CACHE_HOME", path("cache"));
    fs::remove(path("asked"));
  }
  void cleanup() {
    for (const char* name : {"INTARSIA_WORKER", "LD_LIBRARY_PATH", "FAKE_NVML_MAJOR", "FAKE_NVML_FREE",
                             "FAKE_NVML_INIT", "FAKE_NVML_COUNT", "FAKE_NVML_UUID"})
      qunsetenv(name);
  }

  void a_usable_gpu_is_measured_once() {
    play_worker(listing("Played GPU", "2.5e11"));
    const Json first = gpu();
    QVERIFY2(first["usable"] == true && first["reason"] == "", first.dump().c_str());
    QCOMPARE(first["bandwidth"].get<double>(), 2.5e11);
    QCOMPARE(first["driver"].get<std::string>(), std::string("550.1"));
    play_worker(listing("Played GPU", "null"));
    QCOMPARE(gpu()["bandwidth"].get<double>(), 2.5e11);
    const std::string asked = read_text_file(path("asked"));
    QVERIFY(asked.find("\"measure\":true") < asked.find("\"measure\":false"));
    QVERIFY(asked.find("\"measure\":false") != std::string::npos);
    qputenv("FAKE_NVML_UUID", "GPU-2"); // another card
    QVERIFY(gpu()["bandwidth"].is_null());
  }

  void a_damaged_measurement_is_made_again() {
    play_worker(listing("Played GPU", "2.5e11"));
    gpu();
    for (const auto& entry : fs::directory_iterator(path("cache") / "intarsia"))
      write_file(entry.path(), "{damaged");
    play_worker(listing("Played GPU", "3e11"));
    QCOMPARE(gpu()["bandwidth"].get<double>(), 3e11);
  }

  void the_cpu_stays_the_default_and_a_gpu_goes_by_its_name() {
    play_worker("{}");
    QCOMPARE(run_json({"selftest", "--cases", "1", "--seed", "1"})["device"].get<std::string>(),
             std::string("cpu"));
    QVERIFY(!fs::exists(path("asked")));
    QVERIFY(run_cli({"selftest", "--device", "cuda:0"}).exit_code != 0);
    QVERIFY(read_text_file(path("asked")).find("\"device\":\"cuda:0\"") != std::string::npos);
    QVERIFY(complains(run_cli({"demo", "--device", "cuda:0"}), 1, {"cuda:0", "CPU only"}));
  }

  void the_memory_of_a_gpu_is_predicted_and_measured() {
    play_gpu();
    const QString model = text(resources_folder() / "demo-model");
    const Json chat =
        run_json({"chat", model, "--device", "cuda:0", "--prompt", "Oak?", "--max-tokens", "4"})["memory"];
    QCOMPARE(chat["predicted_bytes"].get<double>(), 7000320.0);
    QVERIFY(chat["peak_bytes"].get<double>() > 1e6);
    write_file(path("text"), std::string(2000, 'a'));
    const QStringList evaluate{"evaluate", model, "--device", "cuda:0", "--text", text(path("text"))};
    QCOMPARE(run_json(evaluate)["memory"]["predicted_bytes"].get<double>(), 7000320.0);
    const Json both = run_json(evaluate + QStringList{"--reference", model});
    QCOMPARE(both["memory"]["predicted_bytes"].get<double>(), 14000340.0); // one context for the two
    QVERIFY(both["kl_divergence"].get<double>() < 1e-6);
  }

  void a_sensitivity_is_estimated_on_the_gpu() {
    play_gpu();
    write_tiny_model(path("tiny"), {});
    const QStringList words{"sensitivity", text(path("tiny")), "--samples", "1", "-o", text(path("s.json"))};
    const Json here = run_json(words), there = run_json(words + QStringList{"--device", "cuda:0"});
    QVERIFY(!here["layers"].empty());
    QVERIFY(here["layers"] == there["layers"]);
  }

  void what_the_driver_knows_needs_no_worker() {
    set("INTARSIA_WORKER", "/nowhere/worker");
    qputenv("FAKE_NVML_MAJOR", "7");
    QVERIFY2(reason().find("7.6 is below 8.0") != std::string::npos, reason().c_str());
    QVERIFY(complains(run_cli({"selftest", "--device", "cuda:0"}), 1, {"cuda:0", "7.6 is below 8.0"}));
    qunsetenv("FAKE_NVML_MAJOR");
    qputenv("FAKE_NVML_FREE", "100000000");
    QVERIFY2(reason().find("95 MiB of its 8192 MiB") != std::string::npos, reason().c_str());
  }

  void a_driver_without_gpus_is_a_note() {
    set("INTARSIA_WORKER", "/nowhere/worker");
    qputenv("FAKE_NVML_COUNT", "0");
    QVERIFY(run_json({"devices"})["gpu_note"].get<std::string>().find("shows no GPU") != std::string::npos);
    qputenv("FAKE_NVML_INIT", "9");
    QVERIFY(run_json({"devices"})["gpu_note"].get<std::string>().find("does not answer") !=
            std::string::npos);
  }

  void what_cuda_says_is_the_reason() {
    play_worker("{\"devices\":[],\"problem\":\"the NVIDIA driver is too old\"}");
    QCOMPARE(reason(), std::string("the NVIDIA driver is too old"));
    play_worker(listing("Another GPU", "1e11")); // CUDA counts otherwise than the driver
    QVERIFY2(reason().find("CUDA_VISIBLE_DEVICES") != std::string::npos, reason().c_str());
    play_worker("{}"); // no answer to speak of
    QVERIFY2(reason().find("\"devices\" is missing") != std::string::npos, reason().c_str());
  }

  void a_worker_that_is_not_there_or_ends_is_the_reason() {
    set("INTARSIA_WORKER", "/nowhere/worker");
    QVERIFY2(reason().find("/nowhere/worker") != std::string::npos, reason().c_str());
    set("INTARSIA_WORKER", "/bin/false");
    QVERIFY2(reason().find("exit code 1") != std::string::npos, reason().c_str());
    // The worker of this build: without CUDA it says so, with CUDA that there is no such GPU.
    set("INTARSIA_WORKER", INTARSIA_WORKER);
    const std::string said = reason();
    QVERIFY2(said.find("CUDA") != std::string::npos || said.find("driver") != std::string::npos,
             said.c_str());
    // People read it too.
    const CliResult list = run_cli({"devices"});
    QVERIFY(list.exit_code == 0 && list.out.find("not used: " + said) != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(TestDevices)
#include "test_devices.moc"
