// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
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
using intarsia::test::timeout;

class TestPlanning8b : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  bool sentence_shown(const QString& part) { return shows(part); }
  QPushButton* find_button(const QString& text) {
    for (auto* button : window_->findChildren<QPushButton*>())
      if (button->isVisible() && button->text() == text) return button;
    return nullptr;
  }

 private slots:
  void initTestCase() {
    INTARSIA_NEED_SHARED("reference/llama-3.1-8b");
    QVERIFY(open_window({1440, 900}));
    window_->show_page(MainWindow::allocation);
    const QString folder =
        QString::fromStdString((test::shared_folder() / "reference/llama-3.1-8b").string());
    session_->models().open(folder + "/config.json");
    QTRY_VERIFY_WITH_TIMEOUT(session_->model() != nullptr, timeout);
    QVERIFY(!find<QSlider>("latencySlider")->isEnabled());
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr,
                             timeout); // at once, of a bare config.json
    QVERIFY(shows("Provisional plan"));
    session_->sensitivities().import_file(folder + "/sensitivity.json");
    QVERIFY(!shows("Provisional plan"));
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr, timeout);
    session_->latency().import_table(folder + "/latency-rtx4090.json");
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().answer().latency_range.has_value(), timeout);
    QCOMPARE(find<HeatmapView>("heatmap")->grid().blocks, std::size_t(32));
  }

  void dragging_the_latency_slider_fuses_layers() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    auto* slider = find<QSlider>("latencySlider");
    QVERIFY(slider->isEnabled());
    QCOMPARE(slider->value(), slider->maximum()); // no limit at first
    QVERIFY(find<QLineEdit>("latencyField")->text().isEmpty());
    const auto before = cell_colours();
    const double loss = session_->planner().plan()->predicted.loss;
    drag(slider, 0.15);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() &&
                                 session_->planner().plan()->budgets.latency_seconds &&
                                 session_->planner().plan()->predicted.loss > loss,
                             timeout);
    QTRY_VERIFY_WITH_TIMEOUT(cell_colours() != before, timeout);
    QTRY_VERIFY_WITH_TIMEOUT(*session_->planner().plan()->budgets.latency_seconds ==
                                 *session_->planner().inputs().latency_seconds,
                             timeout);
    QVERIFY(*session_->planner().plan()->predicted.latency_seconds <=
            *session_->planner().inputs().latency_seconds + 1e-9);
    QVERIFY(!session_->planner().plan()->fusions.empty());
    const auto& grid = find<HeatmapView>("heatmap")->grid();
    QVERIFY(
        std::any_of(grid.cells.begin(), grid.cells.end(), [](const auto& cell) { return cell.fusion >= 0; }));
    QTRY_VERIFY_WITH_TIMEOUT(sentence_shown("ms more would cut the predicted loss by"), timeout);
    QVERIFY(shows("tok/s"));
  }

  void a_speed_can_be_typed() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    type("latencyField", "200tok/s");
    QTRY_VERIFY_WITH_TIMEOUT(
        session_->planner().plan() && session_->planner().plan()->budgets.latency_seconds &&
            std::abs(*session_->planner().plan()->budgets.latency_seconds - 0.005) < 1e-9,
        timeout);
    QVERIFY(*session_->planner().plan()->predicted.latency_seconds <= 0.005 + 1e-9);
    type("latencyField", "soon");
    QVERIFY(sentence_shown("\"soon\" is not a latency budget"));
    type("latencyField", "200tok/s");
    session_->planner().set_memory(BitsPerWeight{6}); // more than 200 tok/s allow
    QTRY_VERIFY_WITH_TIMEOUT(sentence_shown("the latency budget decides"), timeout);
    screenshot("5-planning-8b");
  }

  void an_impossible_speed_is_explained() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    type("latencyField", "1ms");
    QTRY_VERIFY_WITH_TIMEOUT(sentence_shown("latency budget cannot be met: the fastest plan takes"), timeout);
    type("latencyField", "6ms");
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() && session_->planner().answer().problem.isEmpty(),
                             timeout);
  }

  void a_pin_holds_under_both_budgets() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    const std::string layer = "model.layers.1.mlp.down_proj";
    session_->planner().pin({layer}, parse_quantizer_id("vq-2"));
    drag(find<QSlider>("memorySlider"), 0.35);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() &&
                                 session_->planner().plan()->layers.at(layer).quantizer ==
                                     parse_quantizer_id("vq-2"),
                             timeout);
    QVERIFY(*session_->planner().plan()->predicted.latency_seconds <= 0.006 + 1e-9);
  }

  void the_frontier_shows_what_budgets_buy() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    auto* plot = find<QCustomPlot>("frontier");
    QVERIFY(plot->isVisible());
    // Streamed, and traced anew after the pin.
    const auto& frontier = session_->planner().frontier();
    // The pin leaves no plan with one quantizer for all.
    QTRY_VERIFY_WITH_TIMEOUT(
        frontier.single.empty() && frontier.memory.size() > 40 && frontier.latency.size() > 40, timeout);
    QTRY_VERIFY_WITH_TIMEOUT(plot->graph(0)->dataCount() > 40, timeout);
    QCOMPARE(plot->graph(3)->dataCount(), 1); // this plan
    screenshot("6-frontier-8b");
    // A click asks for the memory under it.
    const double gibibytes = frontier.memory[frontier.memory.size() / 2].bytes / 0x1p30;
    QTest::mouseClick(plot, Qt::LeftButton, {},
                      QPoint(int(plot->xAxis->coordToPixel(gibibytes)), plot->height() / 2));
    const double asked = double(std::get<MemoryBytes>(session_->planner().inputs().memory).bytes);
    QVERIFY(std::abs(asked / 0x1p30 - gibibytes) < 0.05);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() &&
                                 double(session_->planner().plan()->predicted.memory_bytes) <= asked,
                             timeout);
    QTest::mouseClick(find_button("Latency"), Qt::LeftButton);
    QTRY_VERIFY(plot->xAxis->label().contains("ms"));
  }

  void a_table_of_another_model_is_a_sentence() {
    if (!session_) QSKIP("needs ../shared/reference/llama-3.1-8b");
    session_->models().open_built_in();
    QTRY_VERIFY_WITH_TIMEOUT(session_->model()->config().blocks == 8 && session_->planner().plan(), timeout);
    QVERIFY(!find<QSlider>("latencySlider")->isEnabled());
    session_->latency().import_table(QString::fromStdString(
        (test::shared_folder() / "reference/llama-3.1-8b/latency-rtx4090.json").string()));
    QTRY_VERIFY_WITH_TIMEOUT(sentence_shown("The latency table has no usable entry for layer"), timeout);
  }
};

QTEST_MAIN(TestPlanning8b)
#include "test_planning_8b.moc"
