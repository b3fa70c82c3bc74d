// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/error.h"
#include "core/device/device.h"
#include "core/device/latency_table.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

Json table() {
  return Json::parse("{\"format\":\"intarsia-latency/"
                     "1\",\"device\":{\"name\":\"card\",\"kind\":\"cuda\",\"memory_bytes\":8},"
                     "\"constant_seconds\":0.001,\"entries\":[{\"in\":64,\"out\":32,\"quantizer\":\"nuq-4\","
                     "\"kernel\":\"cuda-core\",\"seconds\":1e-5}]}");
}

} // namespace

class TestDevice : public QObject {
  Q_OBJECT
 private slots:
  void the_cpu_is_always_there() {
    const DeviceList list = detect_devices();
    QCOMPARE(list.devices.empty(), false);
    const Device cpu = default_device(list); // whatever else there is
    QVERIFY(cpu.usable);
    QVERIFY(cpu.memory_total > cpu.memory_free && cpu.memory_free > 0);
    QVERIFY(cpu.bandwidth > 1e8);
    QVERIFY(!cpu.name.empty() && !cpu.capability.empty());
    bool gpu = false;
    for (const Device& device : list.devices) gpu = gpu || device.kind == DeviceKind::cuda;
    QVERIFY(gpu != !list.gpu_note.empty()); // a GPU, or the reason why there is none
  }

  void an_unknown_device_is_refused_with_the_known_ones() {
    const std::string sentence = test::error_of([] { find_device("cuda:99"); });
    QVERIFY(sentence.find("cuda:99") != std::string::npos && sentence.find("cpu") != std::string::npos);
  }

  void latency_tables_are_checked() {
    QCOMPARE(parse_latency_table(table(), "t.json").entries.size(), std::size_t(1));
    const auto broken = [](const std::function<void(Json&)>& change) {
      Json json = table();
      change(json);
      return test::error_of([&] { parse_latency_table(json, "t.json"); });
    };
    QVERIFY(broken([](Json& j) { j["format"] = "other"; }).find("format") != std::string::npos);
    QVERIFY(broken([](Json& j) { j["entries"] = Json::array(); }).find("entries") != std::string::npos);
    QVERIFY(broken([](Json& j) { j["entries"][0]["seconds"] = 0; }).find("entry 0") != std::string::npos);
    QVERIFY(broken([](Json& j) { j["entries"][0]["seconds"] = -1; }).find("seconds") != std::string::npos);
    QVERIFY(broken([](Json& j) { j["entries"][0]["quantizer"] = "x"; }).find("entry 0") != std::string::npos);
    QVERIFY(broken([](Json& j) { j["entries"].push_back(j["entries"][0]); }).find("repeats") !=
            std::string::npos);
    QVERIFY(broken([](Json& j) { j["constant_seconds"] = -1; }).find("constant_seconds") !=
            std::string::npos);
    QVERIFY(broken([](Json& j) { j.erase("device"); }).find("device") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestDevice)
#include "test_device.moc"
