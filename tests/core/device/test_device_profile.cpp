// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <set>

#include "core/allocation/allocator.h"
#include "core/base/resources.h"
#include "core/device/device_profile.h"
#include "core/palette/quantizer.h"
#include "core/runtime/cpu_profiler.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using test::error_of;
namespace fs = std::filesystem;

class TestDeviceProfile : public QObject {
  Q_OBJECT
  QTemporaryDir folder_;
  std::unique_ptr<Checkpoint> model_;
  fs::path path(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

 private slots:
  void initTestCase() {
    test::write_tiny_model(path("model"), {.hidden = 64, .intermediate = 96});
    model_ = open_checkpoint(path("model"));
  }

  void every_profile_that_ships_says_where_its_figures_stand() {
    const auto names = device_profile_names(resource("device-profiles"));
    QVERIFY(names.size() >= 6);
    for (const std::string& name : names) {
      const DeviceProfile profile = read_device_profile(resource("device-profiles") / (name + ".json"));
      QVERIFY(profile.bandwidth > 1e9 && profile.bandwidth < 1e13);
      QVERIFY(profile.memory_bytes >= std::uint64_t(1) << 30);
      QVERIFY2(profile.source.size() > 20, name.c_str());
    }
  }

  void shapes_are_listed_once_and_fused_ones_where_wanted() {
    const auto single = profile_shapes(model_->graph(), false), fused = profile_shapes(model_->graph(), true);
    QCOMPARE(std::set(single.begin(), single.end()).size(), single.size());
    QVERIFY(fused.size() > single.size());
    for (const LinearLayer& layer : model_->graph().linears)
      QVERIFY(std::find(single.begin(), single.end(), LinearShape{layer.d_in, layer.d_out}) != single.end());
    const LinearShape gate_up{64, 192};
    QVERIFY(std::find(fused.begin(), fused.end(), gate_up) != fused.end());
  }

  void an_estimate_is_marked_and_falls_with_the_bandwidth() {
    DeviceProfile profile{"made up", "cuda", std::uint64_t(8) << 30, 1e11, "8.7", "this test"};
    const LatencyTable slow = estimate_latency(profile, model_->config(), model_->graph(), 64);
    profile.bandwidth *= 2;
    const LatencyTable fast = estimate_latency(profile, model_->config(), model_->graph(), 64);
    QVERIFY(slow.estimated.find("not measured") != std::string::npos);
    QVERIFY(fast.constant_seconds < slow.constant_seconds);
    for (std::size_t i = 0; i < slow.entries.size(); ++i)
      QVERIFY(fast.entries[i].seconds < slow.entries[i].seconds);
    const LatencyTable again = parse_latency_table(Json::parse(to_json(slow).dump()), "again");
    QCOMPARE(again.estimated, slow.estimated);
    QCOMPARE(again.entries.size(), slow.entries.size());
    QCOMPARE(again.entries[3].seconds, slow.entries[3].seconds);
  }

  void the_cpu_is_measured_for_every_shape_and_quantizer() {
    ProfileOptions options;
    options.repeats = 3;
    options.context = 16;
    const LatencyTable table = profile_cpu(model_->config(), model_->graph(), options, {});
    QCOMPARE(table.entries.size(), profile_shapes(model_->graph(), false).size() * palette().size());
    QVERIFY(table.estimated.empty() && table.constant_seconds >= 0);
    for (const LatencyEntry& entry : table.entries) QVERIFY(entry.seconds > 0 && entry.spread >= 0);
    AllocationProblem problem;
    problem.config = model_->config();
    problem.graph = model_->graph();
    for (const LinearLayer& layer : problem.graph.linears) problem.sensitivity.layers[layer.name] = 1;
    problem.latency = table;
    Allocator allocator(problem);
    QVERIFY(allocator.latency_range()->low > 0);
    std::stop_source stop;
    stop.request_stop();
    QCOMPARE(error_of([&] {
               profile_cpu(model_->config(), model_->graph(), options, {{}, stop.get_token()});
             }),
             std::string("cancelled"));
  }

  void a_bad_profile_is_one_line() {
    const auto sentence = [&](const char* text) {
      test::write_file(path("bad.json"), text);
      return error_of([&] { read_device_profile(path("bad.json")); });
    };
    QVERIFY(sentence("{}").find("format") != std::string::npos);
    QVERIFY(sentence(R"({"format":"intarsia-device/1","name":"x","kind":"abacus","memory_bytes":1,
      "bandwidth_bytes_per_second":1,"source":"s"})")
                .find("abacus") != std::string::npos);
    QVERIFY(sentence(R"({"format":"intarsia-device/1","name":"x","kind":"cpu","memory_bytes":1,
      "bandwidth_bytes_per_second":0,"source":"s"})")
                .find("bandwidth") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestDeviceProfile)
#include "test_device_profile.moc"
