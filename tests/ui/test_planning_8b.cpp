// SPDX-License-Identifier: GPL-3.0-or-later
// Planning for a model that isn't here: Llama-3.1-8B's bare config.json with published sensitivities and
// times.
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSlider>

#include "tests/support/test_support.h"
#include "tests/ui/window_under_test.h"
#include <qcustomplot.h>

using namespace intarsia;
using namespace intarsia::ui;
using intarsia::test::patience;

class TestPlanning8b : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  void type(QLineEdit* field, const QString& text) {
    field->setFocus();
    field->selectAll();
    QTest::keyClicks(field, text);
    QTest::keyClick(field, Qt::Key_Return);
    field->clearFocus();
  }

  bool sentence_shown(const QString& part) {
    for (const auto* label : window_->findChildren<QLabel*>())
      if (label->isVisible() && label->text().contains(part)) return true;
    return false;
  }

 private slots:
  void initTestCase() {
    INTARSIA_NEED_SHARED("reference/llama-3.1-8b");
    QVERIFY(open_window({1440, 900}));
    window_->show_page(MainWindow::allocation);
    const QString folder =
        QString::fromStdString((test::shared_folder() / "reference/llama-3.1-8b").string());
    session_->open_model(folder + "/config.json");
    QTRY_VERIFY_WITH_TIMEOUT(session_->model() != nullptr, patience);
    QVERIFY(!find<QSlider>("latencySlider")->isVisible());
    session_->import_sensitivity(folder + "/sensitivity.json");
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() != nullptr, patience);
    session_->import_latency_table(folder + "/latency-rtx4090.json");
    QTRY_VERIFY_WITH_TIMEOUT(session_->answer().latency_range.has_value(), patience);
    QCOMPARE(find<HeatmapView>("heatmap")->grid().blocks, std::size_t(32));
  }

  void dragging_the_latency_slider_fuses_layers() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    auto* slider = find<QSlider>("latencySlider");
    QVERIFY(slider->isVisible());
    QCOMPARE(slider->value(), slider->maximum()); // no limit at first
    QVERIFY(find<QLineEdit>("latencyField")->text().isEmpty());
    const auto before = cell_colours();
    const double loss = session_->plan()->predicted.loss;
    drag(slider, 0.15);
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() && session_->plan()->budgets.latency_seconds &&
                                 session_->plan()->predicted.loss > loss,
                             patience);
    QTRY_VERIFY_WITH_TIMEOUT(cell_colours() != before, patience);
    QTRY_VERIFY_WITH_TIMEOUT(
        *session_->plan()->budgets.latency_seconds == *session_->budgets().latency_seconds, patience);
    QVERIFY(*session_->plan()->predicted.latency_seconds <= *session_->budgets().latency_seconds + 1e-9);
    QVERIFY(!session_->plan()->fusions.empty());
    const auto& grid = find<HeatmapView>("heatmap")->grid();
    QVERIFY(
        std::any_of(grid.cells.begin(), grid.cells.end(), [](const auto& cell) { return cell.fusion >= 0; }));
    QVERIFY(sentence_shown("ms more would cut the predicted loss by"));
    QVERIFY(find<QLabel>("comparison")->text().contains("tok/s"));
  }

  void a_speed_can_be_typed() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    auto* field = find<QLineEdit>("latencyField");
    type(field, "200tok/s");
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() && session_->plan()->budgets.latency_seconds &&
                                 std::abs(*session_->plan()->budgets.latency_seconds - 0.005) < 1e-9,
                             patience);
    QVERIFY(*session_->plan()->predicted.latency_seconds <= 0.005 + 1e-9);
    type(field, "soon");
    QVERIFY(sentence_shown("\"soon\" is no latency budget"));
    type(field, "200tok/s");
    QVERIFY(sentence_shown("the latency budget decides")); // 4 bits a weight are more than 200 tok/s allow
    screenshot("5-planning-8b");
  }

  void an_impossible_speed_is_explained() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    type(find<QLineEdit>("latencyField"), "1ms");
    QTRY_VERIFY_WITH_TIMEOUT(sentence_shown("the latency budget cannot be met: the fastest plan takes"),
                             patience);
    type(find<QLineEdit>("latencyField"), "6ms");
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() && session_->answer().problem.isEmpty(), patience);
  }

  void a_pin_holds_under_both_budgets() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    const std::string layer = "model.layers.1.mlp.down_proj";
    session_->pin({layer}, parse_quantizer_id("vq-2"));
    drag(find<QSlider>("memorySlider"), 0.35);
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() &&
                                 session_->plan()->layers.at(layer).quantizer == parse_quantizer_id("vq-2"),
                             patience);
    QVERIFY(*session_->plan()->predicted.latency_seconds <= 0.006 + 1e-9);
  }

  void the_frontier_shows_what_budgets_buy() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    for (auto* chip : window_->findChildren<QPushButton*>())
      if (chip->text() == "Frontier" && chip->isVisible()) QTest::mouseClick(chip, Qt::LeftButton);
    auto* memory = find<QCustomPlot>("memoryFrontier");
    auto* latency = find<QCustomPlot>("latencyFrontier");
    QTRY_VERIFY_WITH_TIMEOUT(memory->isVisible() && latency->isVisible(), patience);
    // Streamed, and traced anew after the pin.
    QTRY_VERIFY_WITH_TIMEOUT(memory->graph(0)->dataCount() > 40 && latency->graph(0)->dataCount() > 40,
                             patience);
    QCOMPARE(memory->graph(2)->dataCount(), 1); // this plan
    screenshot("6-frontier-8b");
    // A click at 3 bits asks for 3 bits.
    QTest::mouseClick(memory, Qt::LeftButton, {},
                      QPoint(int(memory->xAxis->coordToPixel(3)), memory->height() / 2));
    QVERIFY(std::abs(std::get<BitsPerWeight>(session_->budgets().memory).bits - 3) < 0.05);
    QTRY_VERIFY_WITH_TIMEOUT(session_->plan() && session_->plan()->predicted.bits_per_weight <= 3.05,
                             patience);
  }

  void a_table_of_another_model_is_a_sentence() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    session_->open_built_in();
    QTRY_VERIFY_WITH_TIMEOUT(session_->model()->config().blocks == 8 && session_->plan(), patience);
    QVERIFY(!find<QSlider>("latencySlider")->isVisible());
    session_->import_latency_table(QString::fromStdString(
        (test::shared_folder() / "reference/llama-3.1-8b/latency-rtx4090.json").string()));
    QTRY_VERIFY_WITH_TIMEOUT(sentence_shown("the latency table has no usable entry for layer"), patience);
  }
};

QTEST_MAIN(TestPlanning8b)
#include "test_planning_8b.moc"
