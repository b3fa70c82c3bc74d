// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where jobs compute, and what is known of a device from one run to the next.
#include "core/jobs/execution_target.h"

#include "core/base/error.h"
#include "core/jobs/load.h"
#include "core/jobs/memory.h"
#include "core/jobs/result_cache.h"
#include "core/jobs/run_selftest.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
namespace fs = std::filesystem;

namespace {

Device gpu() {
  Device device;
  device.id = "cuda:0";
  device.kind = DeviceKind::cuda;
  device.name = "Made-up GPU";
  device.driver = "1.2";
  device.bandwidth = 5e11;
  device.backend_bytes = 123456789;
  return device;
}

} // namespace

class TestExecutionTarget : public QObject {
  Q_OBJECT
  QTemporaryDir folder_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

 private slots:
  void initTestCase() {
    qunsetenv("INTARSIA_CPU_IN_WORKER");
    qputenv("XDG_CACHE_HOME", QByteArray::fromStdString(path("cache").string()));
  }

  void the_cpu_is_in_this_process_and_a_gpu_in_another() {
    const ExecutionTarget here{Device()}, there{gpu()};
    QVERIFY(!here.is_gpu() && !here.in_worker() && !here.worker());
    QVERIFY(there.is_gpu() && there.in_worker());
    qputenv("INTARSIA_CPU_IN_WORKER", "1");
    const ExecutionTarget apart{Device()};
    QVERIFY(!apart.is_gpu() && apart.in_worker());
    qunsetenv("INTARSIA_CPU_IN_WORKER");
  }

  // A job's failure, and not that of choosing the device.
  void a_missing_worker_is_found_by_the_first_job() {
    qputenv("INTARSIA_WORKER", "/nowhere/worker");
    const ExecutionTarget target{gpu()};
    const std::string sentence = test::error_of([&] { target.worker()->pid(); });
    QVERIFY2(sentence.find("/nowhere/worker") != std::string::npos, sentence.c_str());
    qunsetenv("INTARSIA_WORKER");
  }

  void memory_is_that_of_the_targets_backend() {
    QVERIFY(memory_of(ExecutionTarget{Device()})->device_kind() == DeviceKind::cpu);
    QVERIFY(memory_of(ExecutionTarget{gpu()})->device_kind() ==
            DeviceKind::cuda); // no worker is asked: it is known
    QVERIFY(!predicted_memory(ExecutionTarget{Device()}, {}, 16));
  }

  void a_gpu_refuses_a_quantized_cache_before_anything_is_loaded() {
    test::write_tiny_model(path("model"));
    OpenedModel model = open_model(path("model"));
    model.kv_cache = KvPrecision::q8;
    const std::string sentence = test::error_of([&] { load(ExecutionTarget{gpu()}, model, 16, {}); });
    QVERIFY2(sentence.find("--kv-cache") != std::string::npos, sentence.c_str());
    QVERIFY(is_alive(*load(ExecutionTarget{Device()}, model, 16, {})));
  }

  void measurements_belong_to_a_card_and_its_driver() {
    QVERIFY(!cached_measurements(gpu()));
    cache_measurements(gpu());
    const auto cached = cached_measurements(gpu());
    QVERIFY(cached && cached->bandwidth == 5e11 && cached->backend_bytes == 123456789);
    Device updated = gpu();
    updated.driver = "1.3";
    QVERIFY(!cached_measurements(updated));
    Device partly = updated; // as a version before this one wrote it
    partly.backend_bytes.reset();
    cache_measurements(partly);
    QVERIFY(cached_measurements(updated) && !cached_measurements(updated)->backend_bytes);
    Device unmeasured = gpu();
    unmeasured.name = "Another";
    unmeasured.bandwidth = 0;
    cache_measurements(unmeasured);
    QVERIFY(!cached_measurements(unmeasured));
  }

  void latencies_belong_to_a_device_and_a_model() {
    test::write_tiny_model(path("timed"));
    const auto checkpoint = open_checkpoint(path("timed"));
    LatencyTable table;
    table.device_name = "Made-up GPU";
    table.device_kind = "cuda";
    table.constant_seconds = 1e-3;
    table.entries.push_back({64, 64, parse_quantizer_id("nuq-4"), "cuda-core", 1e-5, 0});
    QVERIFY(!LatencyCache(gpu(), *checkpoint).find());
    LatencyCache(gpu(), *checkpoint).store(table);
    QVERIFY(LatencyCache(gpu(), *checkpoint).find()->entries.size() == 1);
    Device other = gpu();
    other.id = "cuda:1";
    QVERIFY(!LatencyCache(other, *checkpoint).find());
  }

  void a_selftest_of_the_cpu_can_be_followed_and_stopped() {
    double last = 0;
    SelftestOptions options;
    options.cases = 3;
    const auto checks =
        selftest(ExecutionTarget{Device()}, options,
                 {[&](const Progress& progress) { last = progress.done / progress.total; }, {}});
    QCOMPARE(last, 1.0);
    QVERIFY(!checks.empty() && checks.front().cases == 3);
    for (const KernelCheck& check : checks) QVERIFY2(check.ok(), check.kernel.c_str());
    std::stop_source stop;
    stop.request_stop();
    QCOMPARE(test::error_of([&] {
               selftest(ExecutionTarget{Device()}, options, {{}, stop.get_token()});
             }),
             std::string("cancelled"));
    options.real_shapes = true;
    QVERIFY(!test::error_of([&] { selftest(ExecutionTarget{Device()}, options, {}); }).empty());
  }
};

QTEST_GUILESS_MAIN(TestExecutionTarget)
#include "test_execution_target.moc"
