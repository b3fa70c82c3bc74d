// SPDX-License-Identifier: GPL-3.0-or-later
// The main job as a person does it, on real widgets and the built-in model: open, drag the memory slider, see
// cells change, quantize, cancel, quantize again, chat. With INTARSIA_SCREENSHOTS=FOLDER every page is saved
// as a PNG.
#include <QAbstractButton>
#include <QApplication>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QSlider>
#include <QStandardPaths>
#include <QTableWidget>
#include <QTextBrowser>
#include <QToolButton>

#include "tests/support/test_support.h"
#include "tests/ui/window_under_test.h"

using namespace intarsia;
using namespace intarsia::ui;
using intarsia::test::patience;

class TestMainJob : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  QTemporaryDir dir_;

  void verify_no_button_is_cut_off() {
    QTest::qWait(50); // laid out
    for (const auto* button : window_->findChildren<QAbstractButton*>())
      if (button->isVisible() && button->fontMetrics().size(0, button->text()).width() > button->width() - 4)
        QFAIL(qPrintable("\"" + button->text() + "\" does not fit its button"));
  }

 private slots:
  void initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir_.path());
    QApplication::setOrganizationName("IntarsiaTest");
    QVERIFY(open_window({1280, 820}));
    QTRY_VERIFY_WITH_TIMEOUT(!session_->devices().devices.empty(), patience);
    QVERIFY(!find<QToolButton>("device")->text().isEmpty());
    screenshot("0-first-run");
  }

  void zooming_enlarges_the_text() {
    auto* facts = find<QLabel>("modelFacts");
    const int before = facts->fontInfo().pixelSize();
    const auto zoom = [this](QKeySequence::StandardKey key) {
      const QKeyCombination keys = QKeySequence(key)[0];
      QTest::keyClick(window_.get(), keys.key(), keys.keyboardModifiers());
    };
    zoom(QKeySequence::ZoomIn);
    zoom(QKeySequence::ZoomIn);
    QTRY_COMPARE(facts->fontInfo().pixelSize(), before + 2);
    zoom(QKeySequence::ZoomOut);
    zoom(QKeySequence::ZoomOut);
    QTRY_COMPARE(facts->fontInfo().pixelSize(), before);
  }

  void a_missing_model_is_a_sentence_in_place() {
    QSignalSpy errors(session_.get(), &StudioSession::error_occurred);
    session_->open_model("/nowhere/at/all");
    QTRY_COMPARE_WITH_TIMEOUT(errors.count(), 1, patience);
    QVERIFY(errors[0][0].toString().contains("/nowhere/at/all"));
    QVERIFY(!session_->model());
  }

  void the_built_in_model_opens_and_is_planned() {
    session_->open_built_in();
    QTRY_VERIFY_WITH_TIMEOUT(session_->model() != nullptr, patience);
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() != nullptr, patience);
    QCOMPARE(find<HeatmapView>("heatmap")->grid().blocks, std::size_t(8));
    QVERIFY(session_->plan()->solver.proven);
    QVERIFY(find<QLabel>("modelFacts")->text().contains("demo-model"));
    screenshot("2-allocation");
    verify_no_button_is_cut_off();
    window_->show_page(MainWindow::model);
    verify_no_button_is_cut_off();
    screenshot("1-model");
    window_->show_page(MainWindow::allocation);
  }

  void dragging_the_memory_slider_changes_cells() {
    auto* slider = find<QSlider>("memorySlider");
    const auto before = cell_colours();
    const double bits = session_->plan()->predicted.bits_per_weight;
    drag(slider, 0.1);
    QVERIFY(slider->value() < 250);
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() && session_->plan()->predicted.bits_per_weight < bits - 1,
                             patience);
    QVERIFY(cell_colours() != before);
    QVERIFY(session_->plan()->predicted.bits_per_weight <= slider->value() / 100.0 + 1e-9);
    slider->setValue(400);
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan()->predicted.bits_per_weight > 3.9, patience);
  }

  void an_impossible_budget_is_explained() {
    auto* field = find<QLineEdit>("memoryField");
    field->setFocus();
    field->selectAll();
    QTest::keyClicks(field, "1MiB");
    QTest::keyClick(field, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(session_->answer().problem.contains("smallest plan needs"), patience);
    QVERIFY(!session_->plan());
    field->selectAll();
    QTest::keyClicks(field, "4 bpw");
    QTest::keyClick(field, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() != nullptr, patience);
  }

  void a_pinned_layer_holds() {
    auto* heatmap = find<HeatmapView>("heatmap");
    heatmap->setFocus();
    heatmap->set_focus_position({0, 0});
    QTest::keyClick(heatmap, Qt::Key_Right);
    QTest::keyClick(heatmap, Qt::Key_Down);
    QVERIFY(heatmap->focus_position() == (GridPosition{1, 1}));
    const std::string layer = heatmap->grid().at(1, 1).layer;
    emit heatmap->pin_requested({layer}, parse_quantizer_id("nuq-8"));
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() &&
                                 session_->plan()->layers.at(layer).quantizer == parse_quantizer_id("nuq-8"),
                             patience);
    QVERIFY(heatmap->grid().at(1, 1).pin.has_value());
    QTest::keyClick(heatmap, Qt::Key_Delete);
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() &&
                                 session_->plan()->layers.at(layer).quantizer != parse_quantizer_id("nuq-8"),
                             patience);
  }

  void quantizing_can_be_cancelled_and_done_again() {
    window_->show_page(MainWindow::quantize);
    const QString out = dir_.filePath("quantized");
    find<QLineEdit>("output")->setText(out);
    session_->quantize(out, false);
    session_->cancel_quantize();
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantize_job().state, JobState::cancelled, patience);
    QVERIFY(!QFileInfo::exists(out));
    for (auto* button : window_->findChildren<QPushButton*>("primary"))
      if (button->isVisible() && button->isEnabled()) QTest::mouseClick(button, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantize_job().state, JobState::done, patience);
    QVERIFY(QFileInfo::exists(out + "/model.safetensors"));
    QTRY_VERIFY_WITH_TIMEOUT(session_->quality().has_value(), patience);
    QVERIFY(session_->quality()->quantized_perplexity < 1.1 * session_->quality()->original_perplexity);
    QCOMPARE(find<QTableWidget>("quantizedLayers")->rowCount(), int(session_->plan()->layers.size()));
    screenshot("3-quantize");
  }

  void the_chat_streams_an_answer() {
    QTest::mouseClick(find<QPushButton>("chatWithIt"), Qt::LeftButton);
    QSignalSpy pieces(session_.get(), &StudioSession::chat_text);
    auto* prompt = find<QPlainTextEdit>("prompt");
    prompt->setFocus();
    QTest::keyClicks(prompt, "What is walnut good for?");
    QTest::keyClick(prompt, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(!session_->chat().empty() && session_->chat().back().finished, patience);
    QVERIFY(pieces.count() > 3);
    QVERIFY(session_->chat_uses_quantized());
    QVERIFY(session_->chat().back().answer.contains("alnut") ||
            session_->chat().back().answer.contains("trunks"));
    QCOMPARE(find<QTextBrowser>("answer")->toPlainText().trimmed(), session_->chat().back().answer.trimmed());
    screenshot("4-chat");
  }
};

QTEST_MAIN(TestMainJob)
#include "test_main_job.moc"
