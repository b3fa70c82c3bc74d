// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The device popup and what hangs on it, as a person uses it: choosing a device, planning for another,
// measuring this one, testing it. The machine's devices are made up, since GPUs are not everywhere.
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTextBrowser>
#include <QToolButton>

#include "core/jobs/usable_devices.h"
#include "tests/support/paths.h"
#include "tests/support/test_support.h"
#include "tests/ui/window_under_test.h"
#include "ui/chat/chat_page.h"
#include "ui/device/device_popup.h"
#include "ui/device/device_text.h"
#include "ui/quantize/quantize_page.h"

using namespace intarsia;
using namespace intarsia::ui;
using intarsia::test::timeout;

namespace {

Device cpu() {
  Device device;
  device.id = "cpu";
  device.name = "A processor";
  device.memory_total = std::uint64_t(8) << 30;
  device.memory_free = std::uint64_t(6) << 30;
  device.bandwidth = 20e9;
  return device;
}

constexpr std::uint64_t gpu_backend_bytes = std::uint64_t(300) << 20;

// No machine has so many GPUs: what is computed on one fails.
Device gpu(int index, const std::string& reason) {
  Device device;
  device.id = "cuda:" + std::to_string(index);
  device.kind = DeviceKind::cuda;
  device.name = "Made-up GPU " + std::to_string(index);
  device.memory_total = std::uint64_t(24) << 30;
  device.memory_free = std::uint64_t(20) << 30;
  device.backend_bytes = gpu_backend_bytes;
  device.usable = reason.empty();
  device.reason = reason;
  return device;
}

DeviceList without_driver() {
  return {{cpu()}, "no NVIDIA driver is installed; everything works on the CPU"};
}
DeviceList with_gpus() { return {{gpu(77, ""), cpu(), gpu(78, "its driver is too old: update it")}, ""}; }
DeviceList without_gpu_77() { return {{cpu(), gpu(77, "it has fallen off the bus: restart")}, ""}; }

} // namespace

class TestDevice : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  QTemporaryDir dir_;

  void open(Devices::Find find) {
    QVERIFY(open_window({1280, 820}, std::move(find)));
    QTRY_VERIFY_WITH_TIMEOUT(!session_->devices().list().devices.empty(), timeout);
  }
  // By the keyboard, as by hand.
  DevicePopup* open_popup() {
    auto* button = find<QToolButton>("device");
    button->setFocus();
    QTest::keyClick(button, Qt::Key_Space);
    return find<DevicePopup>("popup");
  }
  void open_built_in() {
    session_->models().open_built_in();
    QTRY_VERIFY_WITH_TIMEOUT(session_->model() != nullptr, timeout);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr, timeout);
    QTRY_VERIFY_WITH_TIMEOUT(!session_->busy(), timeout);
  }
  QString device_row(int row) { return find<QListWidget>("deviceList")->item(row)->text(); }
 private slots:
  void initTestCase() {
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir_.path());
    QApplication::setOrganizationName("IntarsiaTest");
    qputenv("INTARSIA_WORKER", INTARSIA_WORKER);
  }
  void cleanup() {
    window_.reset();
    session_.reset();
    QSettings().clear();
  }

  void without_a_driver_the_popup_says_why() {
    open(without_driver);
    QVERIFY(find<QToolButton>("device")->text().contains("A processor"));
    auto* popup = open_popup();
    QVERIFY(popup->isVisible());
    QVERIFY(shows("No GPU: no NVIDIA driver is installed", popup));
    QCOMPARE(find<QListWidget>("deviceList")->count(), 1);
    QVERIFY(device_row(0).contains("in use"));
    QVERIFY(device_row(0).contains("20 GB/s"));
    screenshot_of(*popup, "5-devices-no-gpu");
    QTest::keyClick(find<QListWidget>("deviceList"), Qt::Key_Escape);
    QVERIFY(!popup->isVisible());
  }

  void a_bandwidth_that_was_not_measured_is_not_shown() {
    open([] {
      DeviceList list{{cpu()}, ""};
      list.devices[0].name = "A busy processor"; // the best that was measured of the other is kept
      list.devices[0].bandwidth = 3e8;
      return list;
    });
    QVERIFY(find<QToolButton>("device")->text().contains("A busy processor"));
    QVERIFY(!find<QToolButton>("device")->text().contains("GB/s"));
  }

  void this_machine_has_a_cpu() {
    open(detect_usable_devices);
    QCOMPARE(QString::fromStdString(session_->devices().device().id), "cpu");
    open_popup();
    const bool has_note = !session_->devices().list().gpu_note.empty();
    QCOMPARE(find<QListWidget>("deviceList")->count() == 1, has_note);
  }

  void a_device_is_chosen_and_kept() {
    open(with_gpus);
    QCOMPARE(QString::fromStdString(session_->devices().device().id), "cpu"); // unless another was chosen
    auto* popup = open_popup();
    auto* list = find<QListWidget>("deviceList");
    QCOMPARE(list->count(), 3);
    QVERIFY(device_row(2).contains("its driver is too old: update it"));
    screenshot_of(*popup, "5-devices");
    QSignalSpy changes(&session_->devices(), &Devices::changed);
    QTest::keyClick(list, Qt::Key_End);
    QTest::keyClick(list, Qt::Key_Return); // cannot be used
    QCOMPARE(changes.count(), 0);
    QTest::keyClick(list, Qt::Key_Home);
    QTest::keyClick(list, Qt::Key_Return);
    QCOMPARE(changes.count(), 1);
    QCOMPARE(QString::fromStdString(session_->devices().device().id), "cuda:77");
    QVERIFY(device_row(0).contains("in use"));
    QVERIFY(find<QToolButton>("device")->text().startsWith("Made-up GPU 77"));
    QVERIFY(!find<QToolButton>("device")->text().contains("GB/s")); // it is not known
    open(with_gpus);
    QCOMPARE(QString::fromStdString(session_->devices().device().id), "cuda:77");
  }

  void a_kept_device_that_is_gone_is_said_once() {
    QSettings().setValue("device", "cuda:77");
    open(without_gpu_77);
    QCOMPARE(QString::fromStdString(session_->devices().device().id), "cpu");
    QTRY_VERIFY(shows("Made-up GPU 77"));
    QVERIFY(shows("it has fallen off the bus: restart. The CPU is used; another can be chosen"));
    screenshot("5-notice");
    open(without_gpu_77);
    QTest::qWait(50);
    QVERIFY(!shows("Made-up GPU 77"));
  }

  void what_a_gpu_cannot_do_is_a_sentence_in_place() {
    open(with_gpus);
    session_->devices().choose("cuda:77");
    session_->models().open(unmeasured_model());
    QTRY_COMPARE_WITH_TIMEOUT(session_->sensitivities().job().state, JobState::failed, timeout);
    QVERIFY(shows(session_->sensitivities().job().sentence));
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr, timeout);
    QVERIFY(session_->sensitivities().kind() == SensitivityKind::provisional); // planned all the same,
    QCOMPARE(session_->planner().memory().program, gpu_backend_bytes);         // with the GPU's memory
    session_->devices().choose("cpu");                                         // which can
    QTRY_VERIFY_WITH_TIMEOUT(session_->sensitivities().kind() == SensitivityKind::measured, timeout);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr, timeout);
    session_->devices().choose("cuda:77");
    window_->show_page(MainWindow::quantize);
    find<QLineEdit>("output")->setText(dir_.filePath("never"));
    session_->quantization().quantize(*session_->planner().plan(), dir_.filePath("never"));
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().job().state, JobState::failed, timeout);
    QVERIFY(!session_->quantization().job().sentence.isEmpty());
    QVERIFY(shows(session_->quantization().job().sentence, window_->findChild<QuantizePage*>()));
    window_->show_page(MainWindow::chat);
    session_->chat().send("Is ebony a hard wood?", {{}, {}, 40});
    QTRY_VERIFY_WITH_TIMEOUT(session_->chat().turns().back().answer().finished, timeout);
    QVERIFY(!session_->chat().turns().back().answer().problem.isEmpty());
    QVERIFY(shows(session_->chat().turns().back().answer().problem, window_->findChild<ChatPage*>()));

    session_->devices().choose("cpu"); // and all is well again
    session_->chat().send("Is ebony a hard wood?", {{}, {}, 40});
    QTRY_VERIFY_WITH_TIMEOUT(session_->chat().turns().back().answer().finished, timeout);
    QVERIFY(session_->chat().turns().back().answer().answered &&
            !session_->chat().turns().back().answer().text.isEmpty());
    find<QPushButton>("selftest")->click();
    QTRY_COMPARE_WITH_TIMEOUT(session_->devices().selftest().state, JobState::done, timeout);
  }

  void planning_for_another_device_is_marked_estimated() {
    open(without_driver);
    open_built_in();
    QVERIFY(!find<QSlider>("latencySlider")->isEnabled());
    const auto* popup = open_popup();
    auto* planned = find<QComboBox>("plannedDevice");
    QVERIFY(planned->count() > 3);
    planned->setFocus();
    QTest::keyClick(planned, Qt::Key_Down);
    QVERIFY(session_->latency().table().has_value());
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().answer().latency_range.has_value(), timeout);
    QTRY_VERIFY_WITH_TIMEOUT(shows("tok/s, estimated"), timeout);
    QVERIFY(find<QSlider>("latencySlider")->isEnabled());
    // Whose time and memory it is, is said in one place.
    QVERIFY(find<QToolButton>("device")->text().startsWith("Plan for "));
    QVERIFY(shows(" tok/s) on " + QString::fromStdString(session_->latency().table()->device_name) +
                  ", estimated"));
    QVERIFY(popup->isVisible() && shows("not measured", find<DevicePopup>("popup")));
    QVERIFY(shows("Latencies are estimated, ", find<DevicePopup>("popup")));
    QCOMPARE(session_->latency().target().memory_free, session_->latency().table()->device_memory);
    screenshot("6-estimated");
    QTest::keyClick(planned, Qt::Key_Up); // this device
    QVERIFY(!session_->latency().table());
    QTRY_VERIFY_WITH_TIMEOUT(!find<QSlider>("latencySlider")->isEnabled(), timeout);
    QVERIFY(!find<QToolButton>("device")->text().startsWith("Plan for "));
  }

  void measuring_is_cancelled_and_done_and_kept() {
    open(without_driver);
    open_built_in();
    auto *measure = find<QPushButton>("measureLatency"), *cancel = find<QPushButton>("cancelMeasuring");
    QVERIFY(measure->isVisible() && measure->isEnabled());
    QTest::mouseClick(measure, Qt::LeftButton);
    QVERIFY(cancel->isVisible() && !measure->isVisible());
    QTest::mouseClick(cancel, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(session_->latency().job().state, JobState::cancelled, timeout);
    QVERIFY(!session_->latency().table());
    QVERIFY(measure->isVisible());

    QTest::mouseClick(measure, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(session_->latency().job().done > 0, timeout);
    QVERIFY(find<QProgressBar>("measureProgress")->value() > 0);
    screenshot("6-measuring");
    QTRY_COMPARE_WITH_TIMEOUT(session_->latency().job().state, JobState::done, timeout);
    QVERIFY(session_->latency().source() == LatencySource::measured);
    QVERIFY(session_->latency().table()->estimated.empty());
    QVERIFY(!measure->isVisible());
    auto* slider = find<QSlider>("latencySlider");
    QTRY_VERIFY_WITH_TIMEOUT(slider->isEnabled() && session_->planner().plan(), timeout);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().answer().latency_range.has_value(), timeout);
    screenshot("6-measured");
    QVERIFY(shows("Latencies were measured on ", open_popup()));
    find<DevicePopup>("popup")->close();
    drag(slider, 0.5);
    const double budget = session_->planner().inputs().latency_seconds.value_or(0);
    QVERIFY(budget > 0);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() &&
                                 session_->planner().plan()->predicted.latency_seconds <= budget,
                             timeout);
    const QString file = dir_.filePath("latency.json");
    session_->latency().save(file);
    const auto saved = read_latency_table(file.toStdString());
    QCOMPARE(saved.entries.size(), session_->latency().table()->entries.size());

    QSignalSpy opened(&session_->models(), &ModelStore::changed);
    session_->models().open_built_in(); // again: nothing is measured twice
    QTRY_COMPARE_WITH_TIMEOUT(opened.count(), 1, timeout);
    QTRY_VERIFY_WITH_TIMEOUT(session_->latency().source() == LatencySource::measured, timeout);
    QCOMPARE(session_->latency().table()->entries.front().seconds, saved.entries.front().seconds);
    QVERIFY(!measure->isVisible());
  }

  void the_selftest_names_every_kernel() {
    open(without_driver);
    auto* popup = open_popup();
    auto *start = find<QPushButton>("selftest"), *cancel = find<QPushButton>("cancelSelftest");
    QTest::mouseClick(start, Qt::LeftButton);
    QVERIFY(cancel->isVisible() && !start->isVisible());
    QTest::mouseClick(cancel, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(start->isVisible(), timeout); // it may have come through before
    start->setFocus();
    QTest::keyClick(start, Qt::Key_Space);
    QTRY_COMPARE_WITH_TIMEOUT(session_->devices().selftest().state, JobState::done, timeout);
    auto* lines = find<QListWidget>("selftestLines");
    QVERIFY(lines->isVisible());
    QCOMPARE(lines->count(), int(session_->devices().selftest_checks().size()));
    QVERIFY(lines->count() >= 6);
    for (int i = 0; i < lines->count(); ++i) QVERIFY(lines->item(i)->text().startsWith("✓"));
    QVERIFY(shows("kernels compute correctly on A processor", popup));
    screenshot_of(*popup, "5-selftest");
  }

  void a_wrong_kernel_is_said() {
    const KernelCheck right{"dot", 8, 1e-7, 1e-5, {}}, wrong{"attention", 8, 0.5, 1e-3, {}},
        beyond{"copy", 8, 0, 1e-3, "wrote beyond its output"};
    QVERIFY(check_line(right).startsWith("✓ dot"));
    QVERIFY(check_line(wrong).startsWith("✗ attention"));
    QVERIFY(check_line(beyond).contains("wrote beyond"));
    QVERIFY(verdict({right, wrong, beyond}, cpu()).startsWith("2 of 3 kernels compute wrongly"));
  }
};

QTEST_MAIN(TestDevice)
#include "test_device.moc"
