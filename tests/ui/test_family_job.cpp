// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The main job on a small random Gemma 3, by real widgets: opened, planned at 4 bits per weight, quantized,
// talked to. What is not Llama must not trip over any page.
#include <QDoubleSpinBox>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTableView>

#include "tests/support/model_files.h"
#include "tests/ui/window_under_test.h"

using namespace intarsia;
using namespace intarsia::ui;
using intarsia::test::timeout;
namespace fs = std::filesystem;

class TestFamilyJob : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  QTemporaryDir dir_;
  const Plan* plan() { return session_->planner().plan(); }

 private slots:
  void it_opens_and_is_planned_at_4_bits() {
    const fs::path from = test::tests_folder() / "golden/families/gemma3";
    const fs::path folder = fs::path(dir_.path().toStdString()) / "gemma";
    fs::create_directory(folder);
    for (const char* name : {"config.json", "model.safetensors"}) fs::copy_file(from / name, folder / name);
    test::write_ascii_tokenizer(folder);
    QVERIFY(open_window({1280, 820}));
    window_->open(QString::fromStdString(folder));
    QTRY_VERIFY_WITH_TIMEOUT(session_->model() && plan(), timeout);
    QVERIFY(find<QLabel>("modelFacts")->text().contains("gemma3"));
    window_->show_page(MainWindow::allocation);
    QCOMPARE(find<HeatmapView>("heatmap")->grid().blocks, std::size_t(3));
    type("memoryField", "4bpw");
    const auto settled = [this] {
      const SolverAnswer& answer = session_->planner().answer();
      return answer.plan && answer.request.memory &&
             same_memory(*answer.request.memory, session_->planner().inputs().memory);
    };
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    QVERIFY(plan()->predicted.bits_per_weight <= 4 + 1e-9 && plan()->predicted.bits_per_weight > 2);
  }

  void it_is_quantized() {
    window_->show_page(MainWindow::quantize);
    auto* output = find<QLineEdit>("output");
    output->selectAll();
    QTest::keyClicks(output, dir_.filePath("quantized"));
    QTest::mouseClick(find<QPushButton>("startQuantize"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().job().state, JobState::done, timeout);
    QVERIFY(fs::exists(fs::path(dir_.path().toStdString()) / "quantized/model.safetensors"));
    QCOMPARE(find<QTableView>("quantizedLayers")->model()->rowCount(), int(plan()->layers.size()));
  }

  void it_answers() {
    QTest::mouseClick(find<QPushButton>("chatWithIt"), Qt::LeftButton);
    for (auto* box : window_->findChildren<QDoubleSpinBox*>())
      if (box->accessibleName() == "Temperature") box->setValue(0);
    auto* prompt = find<QPlainTextEdit>("prompt");
    prompt->setFocus();
    prompt->setPlainText("What is the capital of France?");
    QTest::keyClick(prompt, Qt::Key_Return);
    const auto& turns = session_->chat().turns();
    QTRY_VERIFY_WITH_TIMEOUT(turns.size() == 1 && !session_->chat().answering() && turns[0].answer().finished,
                             timeout);
    QVERIFY(turns[0].answer().speaker == Speaker::quantized);
    QVERIFY(!turns[0].answer().text.isEmpty());
    QVERIFY(shows(turns[0].answer().model));
  }
};

QTEST_MAIN(TestFamilyJob)
#include "test_family_job.moc"
