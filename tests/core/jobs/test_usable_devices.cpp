// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the driver shows and what a worker says of it, put together.
#include "core/jobs/usable_devices.h"
#include "tests/support/test_support.h"

using namespace intarsia;
using namespace intarsia::test;

class TestUsableDevices : public QObject {
  Q_OBJECT

  DeviceList shown_by_driver() {
    DeviceList list;
    list.devices.resize(3);
    list.devices[0].id = "cpu";
    for (int i : {0, 1}) {
      Device& gpu = list.devices[std::size_t(i) + 1];
      gpu.id = "cuda:" + std::to_string(i);
      gpu.kind = DeviceKind::cuda;
      gpu.usable = false;
      gpu.reason = "nobody was asked yet";
    }
    return list;
  }
  DeviceList put_together(const std::string& answer) {
    return with_worker_devices(shown_by_driver(), parse_json(answer, "answer"));
  }

 private slots:
  void a_gpu_that_cuda_shows_is_used() {
    const auto list = put_together(R"({"devices":[{"id":"cuda:1","name":"x","memory_total":100,
        "memory_free":60,"bandwidth":1e12,"overhead":{"context":400,"cublas":40}}],"driver_version":13000,
        "problem":""})");
    QCOMPARE(list.devices[0].id, std::string("cpu"));
    QCOMPARE(list.devices[1].id, std::string("cuda:1")); // before those that cannot be used
    QVERIFY(list.devices[1].usable && list.devices[1].reason.empty());
    QCOMPARE(list.devices[1].memory_free, std::uint64_t(60));
    QCOMPARE(list.devices[1].bandwidth, 1e12);
    QVERIFY(list.devices[1].backend_bytes == 440);
    QVERIFY(!list.devices[2].usable);
    QVERIFY(list.devices[2].reason.find("CUDA_VISIBLE_DEVICES") != std::string::npos);
  }

  void a_problem_is_every_gpus_reason() {
    const auto list = put_together(R"({"devices":[],"driver_version":0,"problem":"the driver is old"})");
    QVERIFY(list.devices[0].usable);
    for (int i : {1, 2}) {
      QVERIFY(!list.devices[std::size_t(i)].usable);
      QCOMPARE(list.devices[std::size_t(i)].reason, std::string("the driver is old"));
    }
  }

  void nonsense_is_an_error() {
    QVERIFY(error_of([&] { put_together("[]"); }).find("the worker's answer") != std::string::npos);
    QVERIFY(!error_of([&] { put_together(R"({"problem":""})"); }).empty());
  }
};

QTEST_GUILESS_MAIN(TestUsableDevices)
#include "test_usable_devices.moc"
