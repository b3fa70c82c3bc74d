// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The first ten minutes as a person has them, on real widgets and the built-in model: welcome, plan at once,
// budgets in every unit, pins, undo, quantize, cancel, resume, quantize again by another plan, chat with both
// models, opening another model in the midst of work. With INTARSIA_SCREENSHOTS=FOLDER every page is saved as
// a PNG.
#include <QAbstractButton>
#include <QApplication>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QListWidget>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QSettings>
#include <QSignalSpy>
#include <QStackedWidget>
#include <QStandardPaths>
#include <QTableView>
#include <QTextBrowser>
#include <QToolButton>
#include <QWindow>
#include <qcustomplot.h>

#include "tests/support/test_support.h"
#include "tests/ui/window_under_test.h"
#include "ui/budget/scale_slider.h"
#include "ui/chat/answer_view.h"
#include "ui/quantize/quantize_page.h"
#include "ui/session/partial_run.h"
#include "ui/window/help_window.h"
#include "ui/window/step_rail.h"

using namespace intarsia;
using namespace intarsia::ui;
using intarsia::test::timeout;

class TestMainJob : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  QTemporaryDir dir_;

  const Plan* plan() { return session_->planner().plan(); }
  const PlanInputs& inputs() { return session_->planner().inputs(); }
  // The plan answers what is asked now.
  bool settled() {
    const SolverAnswer& answer = session_->planner().answer();
    return answer.plan && answer.request.memory && same_memory(*answer.request.memory, inputs().memory);
  }
  double bytes() { return double(std::get<MemoryBytes>(inputs().memory).bytes); }
  const std::vector<ChatTurn>& turns() { return session_->chat().turns(); }
  bool answered(std::size_t count) {
    return turns().size() == count && !session_->chat().answering() && turns().back().answer().finished;
  }
  void ask(const QString& question) {
    auto* prompt = find<QPlainTextEdit>("prompt");
    prompt->setFocus();
    prompt->setPlainText(question);
    QTest::keyClick(prompt, Qt::Key_Return);
  }
  // With Ctrl, by way of the window system; no field has the focus, which would undo what was typed.
  void key(Qt::Key pressed, Qt::KeyboardModifiers more = {}) {
    window_->activateWindow(); // questions and menus may have been open in between
    QVERIFY(QTest::qWaitForWindowActive(window_.get()));
    find<StepButton>("step0")->setFocus();
    QTest::keyClick(window_->windowHandle(), pressed, Qt::ControlModifier | more);
  }
  StepState step(int page) { return find<StepButton>(qPrintable(QString("step%1").arg(page)))->state(); }
  QPushButton* button_with(const QString& text) {
    for (auto* button : window_->findChildren<QPushButton*>())
      if (button->isVisible() && button->text() == text) return button;
    return nullptr;
  }
  // From the menu that one of the inspector's buttons opens.
  void choose_in_inspector(const QString& button, const QString& quantizer) {
    QTest::mouseClick(button_with(button), Qt::LeftButton);
    auto* menu = find<QMenu>("quantizerMenu");
    for (const auto* family : menu->actions())
      for (auto* action : family->menu() ? family->menu()->actions() : QList<QAction*>())
        if (action->text() == quantizer) action->trigger();
    menu->close();
  }
  static QWidget* card_of(QWidget* widget) {
    while (widget && widget->objectName() != "card") widget = widget->parentWidget();
    return widget;
  }
  void verify_no_button_is_cut_off() {
    QTest::qWait(50); // laid out
    for (const auto* button : window_->findChildren<QPushButton*>())
      if (button->isVisible() && !button->text().contains('\n') &&
          button->fontMetrics().size(0, button->text()).width() > button->width() - 4)
        QFAIL(qPrintable("\"" + button->text() + "\" does not fit its button"));
  }

 private slots:
  void initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir_.path());
    QApplication::setOrganizationName("IntarsiaTest");
    QVERIFY(open_window({1280, 820}));
    QTRY_VERIFY_WITH_TIMEOUT(!session_->devices().list().devices.empty(), timeout);
    QVERIFY(!find<QToolButton>("device")->text().isEmpty());
  }

  void the_welcome_offers_the_ways_in() {
    QVERIFY(shows("Fit a language model to this device"));
    QVERIFY(shows("drop a model folder or file anywhere here"));
    QVERIFY(shows("None yet: models that you open are listed here."));
    QVERIFY(button_with("Open a model…"));
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile("/somewhere/model")});
    QDragEnterEvent enter({10, 10}, Qt::CopyAction, &data, Qt::LeftButton, {});
    QApplication::sendEvent(window_.get(), &enter);
    QVERIFY(enter.isAccepted() && shows("Let go to open it"));
    QDragLeaveEvent leave;
    QApplication::sendEvent(window_.get(), &leave);
    QVERIFY(!shows("Let go to open it"));
    screenshot("0-welcome");
    verify_no_button_is_cut_off();
  }

  void the_smallest_window_has_room_for_every_page() {
    const QSize before = window_->size();
    window_->resize(1024, 640);
    QTest::qWait(50); // laid out
    const QSize least = window_->minimumSizeHint();
    QVERIFY2(least.width() <= 1024, qPrintable(QString::number(least.width())));
    QVERIFY2(least.height() <= 640, qPrintable(QString::number(least.height())));
    window_->resize(before);
  }

  void a_window_of_a_larger_screen_fits_this_one() {
    const QByteArray saved = window_->saveGeometry();
    window_->resize(3000, 2000);
    QSettings().setValue("geometry", window_->saveGeometry());
    window_->restoreGeometry(saved);
    StudioSession session;
    const MainWindow again(session);
    QVERIFY(again.height() <= again.screen()->availableSize().height());
    QSettings().remove("geometry");
  }

  void help_has_its_pages() {
    window_->show_help("devices");
    auto* help = window_->findChild<HelpWindow*>();
    QVERIFY(help && help->isVisible());
    QVERIFY(help->findChild<QTextBrowser*>("helpText")->toPlainText().size() > 200);
    QCOMPARE(help->findChild<QListWidget*>("helpPages")->item(0)->text(), QString("The studio"));
    QCOMPARE(help->findChild<QListWidget*>("helpPages")->item(1)->text(), QString("Keys"));
    help->show_page("keys");
    QVERIFY(help->findChild<QTextBrowser*>("helpText")->toPlainText().contains("Ctrl+Z"));
    help->close();
  }

  void a_missing_model_is_a_sentence_in_place() {
    QSignalSpy errors(session_.get(), &StudioSession::error_occurred);
    window_->open("/nowhere/at/all");
    QTRY_COMPARE_WITH_TIMEOUT(errors.count(), 1, timeout);
    QVERIFY(errors[0][0].toString().contains("/nowhere/at/all"));
    QVERIFY(shows("/nowhere/at/all"));
    QVERIFY(!session_->model());
  }

  void the_built_in_model_opens_and_is_planned() {
    auto* try_it = button_with("Try it now with the built-in model");
    try_it->setFocus();
    QTest::keyClick(try_it, Qt::Key_Return); // as Space does
    QTRY_VERIFY_WITH_TIMEOUT(session_->model() != nullptr, timeout);
    QTRY_VERIFY_WITH_TIMEOUT(plan() && settled(), timeout);
    QVERIFY(session_->sensitivities().kind() == SensitivityKind::measured); // its own: nothing is measured
    QVERIFY(!shows("/nowhere/at/all"));                                     // of before
    QCOMPARE(find<HeatmapView>("heatmap")->grid().blocks, std::size_t(8));
    QVERIFY(find<QLabel>("modelFacts")->text().contains("demo-model"));
    QVERIFY(shows("in every layer"));
    QVERIFY(shows("perplexity"));
    QVERIFY(step(MainWindow::model) == StepState::done && step(MainWindow::quantize) == StepState::ready);
    QTRY_VERIFY_WITH_TIMEOUT(find<QCustomPlot>("frontier")->graph(0)->dataCount() > 20, timeout);
    screenshot("2-allocation");
    verify_no_button_is_cut_off();
    window_->show_page(MainWindow::model);
    verify_no_button_is_cut_off();
    screenshot("1-model");
    window_->show_page(MainWindow::allocation);
  }

  void every_view_of_the_memory_budget_follows() {
    auto* slider = find<ScaleSlider>("memorySlider");
    auto* field = find<QLineEdit>("memoryField");
    const auto before = cell_colours();
    const double bits = plan()->predicted.bits_per_weight;
    drag(slider, 0.1);
    QTRY_VERIFY_WITH_TIMEOUT(settled() && plan()->predicted.bits_per_weight < bits - 1, timeout);
    QVERIFY(cell_colours() != before);
    QVERIFY(double(plan()->predicted.memory_bytes) <= bytes());
    QVERIFY(std::abs(slider->shown_value() / bytes() - 1) < 0.01);
    type("memoryField", "4 bits");
    QVERIFY(std::holds_alternative<BitsPerWeight>(inputs().memory));
    const auto& scale = session_->planner().answer().memory_scale;
    QVERIFY(std::abs(slider->shown_value() / scale.bytes(4) - 1) < 0.01); // the knob stands at the tick
    QTest::keyClick(slider, Qt::Key_Left); // the slider moves in the field's unit
    QVERIFY(std::holds_alternative<BitsPerWeight>(inputs().memory));
    QVERIFY(std::get<BitsPerWeight>(inputs().memory).bits < 4);
    type("memoryField", "3,25");
    QCOMPARE(std::get<BitsPerWeight>(inputs().memory).bits, 3.25);
    type("memoryField", "a lot");
    QVERIFY(shows("a lot"));
    QCOMPARE(std::get<BitsPerWeight>(inputs().memory).bits, 3.25);
    type("memoryField", "4bpw");
    QVERIFY(!shows("a lot")); // stale errors go
    QVERIFY(field->text().contains("4"));
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
  }

  void messages_move_nothing() {
    const auto places = [this] {
      std::vector<QPoint> found;
      for (const auto* chip : window_->findChildren<QPushButton*>())
        if (chip->isVisible() && chip->isCheckable()) found.push_back(chip->mapTo(window_.get(), QPoint()));
      return found;
    };
    QTest::qWait(50);
    const auto before = places();
    QVERIFY(before.size() > 4);
    type("memoryField", "nonsense");
    session_->models().open("/nowhere/again");
    QTRY_VERIFY_WITH_TIMEOUT(shows("/nowhere/again"), timeout);
    QCOMPARE(places(), before);
    type("memoryField", "1MiB");
    QTRY_VERIFY_WITH_TIMEOUT(!plan(), timeout);
    QTest::qWait(50);
    QCOMPARE(places(), before);
    type("memoryField", "4bpw");
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    QCOMPARE(places(), before);
    QTest::mouseClick(find<QToolButton>("dismiss"), Qt::LeftButton);
  }

  void an_impossible_budget_is_explained_and_mended_in_one_click() {
    type("memoryField", "1MiB");
    QTRY_VERIFY_WITH_TIMEOUT(shows("smallest plan needs"), timeout);
    QVERIFY(!plan() && session_->planner().shown_plan());
    QVERIFY(shows("The last plan that met its budgets"));
    QVERIFY(step(MainWindow::allocation) == StepState::failed);
    screenshot("2-infeasible");
    QTest::mouseClick(find<QPushButton>("useNearestMemory"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    QVERIFY(!shows("smallest plan needs"));
    key(Qt::Key_Z);
    QVERIFY(!plan()); // the solution is undone too
    key(Qt::Key_Z, Qt::ShiftModifier);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    key(Qt::Key_Z);
    QVERIFY(!plan());
    type("memoryField", "4bpw");
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
  }

  void a_context_too_long_is_said() {
    const std::size_t most = session_->model()->config().max_positions;
    type("context", "100000000");
    QVERIFY(shows("This model has room for"));
    QCOMPARE(inputs().context, most);
    type("context", QLocale().toString(qulonglong(most / 2))); // as it is shown, with separators
    QCOMPARE(inputs().context, most / 2);
    QVERIFY(!shows("This model has room for"));
  }

  void without_a_family_there_is_no_plan() {
    const auto chips = [this] {
      std::vector<QPushButton*> found;
      for (auto* chip : window_->findChildren<QPushButton*>("chip"))
        if (chip->isCheckable()) found.push_back(chip);
      return found;
    };
    QCOMPARE(inputs().families.size(), std::size_t(4)); // those of the command line
    for (auto* chip : chips())
      if (chip->isChecked()) QTest::mouseClick(chip, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(shows("No family of quantizers is turned on"), timeout);
    for (int i = 0; i < 4; ++i) key(Qt::Key_Z);
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    QCOMPARE(inputs().families.size(), std::size_t(4));
  }

  void a_pinned_layer_holds() {
    auto* heatmap = find<HeatmapView>("heatmap");
    heatmap->setFocus();
    heatmap->set_focus_position({0, 0});
    QTest::keyClick(heatmap, Qt::Key_Right);
    QTest::keyClick(heatmap, Qt::Key_Down);
    QVERIFY(heatmap->focus_position() == (GridPosition{1, 1}));
    const std::string layer = heatmap->grid().at(1, 1).layer;
    choose_in_inspector("Pin…", "nuq-8");
    QTRY_VERIFY_WITH_TIMEOUT(plan() && plan()->layers.at(layer).quantizer == parse_quantizer_id("nuq-8"),
                             timeout);
    QVERIFY(heatmap->grid().at(1, 1).pin.has_value());
    QTest::keyClick(heatmap, Qt::Key_Delete);
    QTRY_VERIFY_WITH_TIMEOUT(plan() && plan()->layers.at(layer).quantizer != parse_quantizer_id("nuq-8"),
                             timeout);
    QTest::mouseClick(button_with("Select row"), Qt::LeftButton);
    QVERIFY(shows("8 layers selected"));
    const QSize before = window_->size();
    for (const int width : {1024, 1280}) {
      window_->resize(width, before.height());
      QTest::qWait(50); // laid out
      for (const auto* label : window_->findChildren<QLabel*>())
        if (label->isVisible() && (label->text() == "Loss share" || label->text().endsWith(" %")))
          QVERIFY2(label->fontMetrics().horizontalAdvance(label->text()) <= label->width(),
                   qPrintable(label->text()));
    }
    window_->resize(before);
  }

  void the_frontier_is_dragged() {
    auto* frontier = find<QCustomPlot>("frontier");
    QVERIFY(frontier->isVisible());
    QTRY_VERIFY_WITH_TIMEOUT(frontier->graph(0)->dataCount() > 20, timeout);
    const int steps = session_->planner().undo_stack().index();
    const auto at = [&](double part) {
      bool found = false;
      const auto range = frontier->graph(0)->getKeyRange(found);
      return QPoint(int(frontier->xAxis->coordToPixel(range.lower + range.size() * part)),
                    frontier->height() / 2);
    };
    QTest::mousePress(frontier, Qt::LeftButton, {}, at(0.6));
    for (int i = 1; i <= 6; ++i) QTest::mouseMove(frontier, at(0.6 - 0.05 * i));
    QTest::mouseRelease(frontier, Qt::LeftButton, {}, at(0.3));
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    QVERIFY(double(plan()->predicted.memory_bytes) <= bytes());
    QCOMPARE(session_->planner().undo_stack().index(), steps + 1);
    const auto* label = qobject_cast<QCPItemText*>(frontier->item(0));
    for (const char* memory : {"7.5bpw", "4bpw"}) { // its words stay inside the plot
      type("memoryField", memory);
      QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
      QTRY_VERIFY(label && label->text().startsWith(memory[0]));
      QTRY_VERIFY(label->right->pixelPosition().x() <= frontier->axisRect()->right());
      QVERIFY(label->left->pixelPosition().x() >= frontier->axisRect()->left());
    }
  }

  void quantizing_can_be_cancelled_and_taken_up_by_its_own_plan() {
    for (const char* slow : {"TCQ", "HALF-TCQ"}) QTest::mouseClick(button_with(slow), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(settled() && inputs().families.size() == 2, timeout);
    session_->quantization().set_calibration({CalibrateOn::own, {}, 1024});
    window_->show_page(MainWindow::quantize);
    QVERIFY(shows("bits per weight"));
    QVERIFY(shows("Predicted loss with calibration"));
    const QString out = dir_.filePath("quantized");
    auto* output = find<QLineEdit>("output");
    output->selectAll();
    QTest::keyClicks(output, out);
    const Plan first = *plan();
    QTest::mouseClick(find<QPushButton>("startQuantize"), Qt::LeftButton);
    QTest::mouseClick(find<QPushButton>("cancelQuantize"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().job().state, JobState::cancelled, timeout);
    QVERIFY(!QFileInfo::exists(out));
    // Under another plan, what is left is still taken up by its own, and starting over asks.
    session_->planner().set_memory(BitsPerWeight{6});
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    auto *resume = find<QPushButton>("resumeQuantize"), *start = find<QPushButton>("startQuantize");
    QVERIFY(resume->isVisible() && resume->property("primary").toBool() &&
            !start->property("primary").toBool());
    QVERIFY(shows("Resume goes on with that plan"));
    screenshot("3-resume");
    QTest::mouseClick(start, Qt::LeftButton);
    auto* question = window_->findChild<QMessageBox*>("startOver");
    QVERIFY(question && question->isVisible());
    QVERIFY(question->text().contains("Starting over with the present plan deletes it."));
    QTest::keyClick(question, Qt::Key_Escape); // keep it
    QVERIFY(has_partial_run(out));
    QTest::mouseClick(resume, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().job().state, JobState::done, timeout);
    const Plan made = session_->quantization().artifact()->plan;
    for (const auto& [name, layer] : made.layers) QVERIFY(layer.quantizer == first.layers.at(name).quantizer);
    QCOMPARE(session_->quantization().job().state, JobState::done);
    QVERIFY(QFileInfo::exists(out + "/model.safetensors"));
    QTRY_VERIFY_WITH_TIMEOUT(session_->quantization().quality().has_value(), timeout);
    QVERIFY(session_->quantization().quality()->quantized_perplexity <
            1.1 * session_->quantization().quality()->original_perplexity);
    // Its own text says little of what it loses on a text that others wrote.
    QVERIFY(shows("times the prediction. The prediction is for text such as the model itself writes"));
    QCOMPARE(find<QTableView>("quantizedLayers")->model()->rowCount(), int(first.layers.size()));
  }

  void another_plan_is_quantized_into_another_folder() {
    const QString first = session_->quantization().artifact()->path;
    session_->planner().set_memory(BitsPerWeight{6});
    QTRY_VERIFY_WITH_TIMEOUT(settled() && plan()->predicted.bits_per_weight > 5, timeout);
    QVERIFY(step(MainWindow::quantize) == StepState::stale);
    QVERIFY(find<QLineEdit>("output")->text() != first);
    QVERIFY(!QFileInfo::exists(find<QLineEdit>("output")->text()));
    QVERIFY(shows("Of another plan than the present one"));
    auto* start = find<QPushButton>("startQuantize");
    QVERIFY(start->isVisible() && start->isEnabled());
    screenshot("3-quantize");
    const QString second = dir_.filePath("second");
    find<QLineEdit>("output")->setText(second);
    const int place = start->y(); // in its card
    QTest::mouseClick(start, Qt::LeftButton);
    QVERIFY(session_->quantization().running());
    // What was made before is shown by its own plan, and no button moves.
    QVERIFY(shows("Of another plan than the present one"));
    QVERIFY(shows(QLocale().toString(session_->quantization().artifact()->plan.predicted.loss, 'g', 3)));
    QCOMPARE(start->y(), place);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().artifact()->path, second, timeout);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().job().state, JobState::done, timeout);
    QVERIFY(step(MainWindow::quantize) == StepState::done);
    QVERIFY(!shows("Of another plan than the present one"));
    QTRY_VERIFY_WITH_TIMEOUT(session_->quantization().quality().has_value(), timeout);
  }

  void the_chat_streams_an_answer_and_says_who_spoke() {
    QTest::mouseClick(find<QPushButton>("chatWithIt"), Qt::LeftButton);
    QCOMPARE(window_->focusWidget(), find<QPlainTextEdit>("prompt"));
    QVERIFY(shows("Begin with a question"));
    for (auto* box : window_->findChildren<QDoubleSpinBox*>())
      if (box->accessibleName() == "Temperature") box->setValue(0); // the likeliest words, on every machine
    QSignalSpy pieces(&session_->chat(), &Chat::text);
    QTest::mouseClick(button_with("What is walnut good for?"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(answered(1), timeout);
    QVERIFY(pieces.count() > 3);
    const ChatAnswer& answer = turns()[0].answer();
    QVERIFY(answer.speaker == Speaker::quantized);
    QVERIFY(answer.text.contains("alnut") || answer.text.contains("trunks"));
    QVERIFY(shows(answer.model));
    QCOMPARE(find<QTextBrowser>("answer")->toPlainText().trimmed(), answer.text.trimmed());
  }

  void switching_models_keeps_the_conversation() {
    QTest::mouseClick(button_with("Original"), Qt::LeftButton);
    QCOMPARE(turns().size(), std::size_t(1));
    ask("<h1>Is ebony a hard wood?</h1>");
    QTRY_VERIFY_WITH_TIMEOUT(answered(2), timeout);
    QVERIFY(turns()[1].answer().speaker == Speaker::original);
    QVERIFY(shows(turns()[0].answer().model) && shows(turns()[1].answer().model));
    QVERIFY(turns()[1].answer().context_used > turns()[0].answer().context_used); // the same history
    for (const auto* label : window_->findChildren<QLabel*>("question"))
      QCOMPARE(label->textFormat(), Qt::PlainText); // a question is not HTML
    QVERIFY(shows("<h1>Is ebony"));
    screenshot("4-chat");
    verify_no_button_is_cut_off();
  }

  void regenerating_keeps_the_answer_before() {
    auto* last = window_->findChildren<AnswerView*>().last();
    const QString before = turns()[1].answer().text;
    QTest::mouseClick(last->findChild<QToolButton*>("regenerate"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(answered(2) && turns()[1].answers.size() == 2, timeout);
    QVERIFY(shows("2 of 2", last));
    QTest::mouseClick(last->findChild<QToolButton*>("earlierAnswer"), Qt::LeftButton);
    QCOMPARE(turns()[1].answer().text, before);
    QVERIFY(shows("1 of 2", last));
  }

  void one_can_scroll_up_while_an_answer_comes() {
    window_->resize(1100, 640);
    ask("What is oak good for?");
    QTRY_VERIFY_WITH_TIMEOUT(answered(3), timeout);
    auto* bar = find<QScrollArea>("conversationScroll")->verticalScrollBar();
    QTRY_VERIFY(bar->maximum() > 0);
    QTRY_COMPARE(bar->value(), bar->maximum());
    const auto scroll_up = connect(&session_->chat(), &Chat::text, this, [bar] { bar->setValue(0); });
    ask("What is pine good for?");
    QTRY_VERIFY_WITH_TIMEOUT(answered(4), timeout);
    disconnect(scroll_up);
    QTest::qWait(50);
    QCOMPARE(bar->value(), 0);
    window_->resize(1280, 820);
  }

  void work_is_not_thrown_away_without_asking() {
    const auto question = [this] { return window_->findChild<QMessageBox*>("unfinished"); };
    window_->open(dir_.filePath("second"));
    QVERIFY(question() && question()->text().contains("conversation"));
    QTest::keyClick(question(), Qt::Key_Escape);
    QTRY_VERIFY(!question());
    QCOMPARE(turns().size(), std::size_t(4));
    window_->close();
    QVERIFY(window_->isVisible() && question());
    QTest::keyClick(question(), Qt::Key_Escape);
    QTRY_VERIFY(!question());
    session_->chat().clear();
    session_->planner().set_memory(BitsPerWeight{3});
    QTRY_VERIFY_WITH_TIMEOUT(settled(), timeout);
    session_->quantization().quantize(*plan(), dir_.filePath("third"));
    window_->open(dir_.filePath("second"));
    QVERIFY(question() && question()->text().contains("choosing Resume goes on from there"));
    QTest::mouseClick(question()->findChild<QPushButton*>("goOn"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(session_->models().is_artifact(), timeout);
    QVERIFY(!session_->quantization().running());
  }

  void an_artifact_shows_its_plan() {
    QVERIFY(session_->planner().fixed() && plan());
    window_->show_page(MainWindow::allocation);
    const auto& grid = find<HeatmapView>("heatmap")->grid();
    QVERIFY(std::all_of(grid.cells.begin(), grid.cells.end(),
                        [](const auto& cell) { return cell.quantizer.has_value(); }));
    QVERIFY(shows("Quantized already: this is its plan."));
    QVERIFY(shows("Open the original to see what other budgets would give."));
    QVERIFY(!shows("Not known yet"));
    QVERIFY(!button_with("Sensitivity")->isEnabled() && !button_with("Loss share")->isEnabled());
    QVERIFY(button_with("Distortion")->isEnabled());
    QVERIFY(!find<QLineEdit>("memoryField")->isEnabled());
    screenshot("2-artifact");
    window_->show_page(MainWindow::quantize);
    QVERIFY(shows("This model is quantized already"));
    QVERIFY(!find<QPushButton>("startQuantize")->isEnabled());
    QCOMPARE(find<QLineEdit>("output")->text(), QString());
    window_->show_page(MainWindow::model);
    QVERIFY(find<QLabel>("modelFacts")->text().contains("quantized by Intarsia"));
    QVERIFY(find<QLabel>("modelFacts")->text().contains("6.00 bits per weight"));
    QVERIFY(shows(" at 6.00 bits")); // in the header
    QVERIFY(!find<QPushButton>("importSensitivity")->isEnabled());
    QVERIFY(shows("listed on the Allocation page, under Table."));
  }

  // Every field and button of a page is reached, in a card from top to bottom.
  void tab_walks_each_page_as_it_is_laid_out() {
    window_->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(window_.get()));
    for (int page = 0; page < find<QStackedWidget>("pages")->count(); ++page) {
      key(Qt::Key(Qt::Key_1 + page));
      auto* shown = find<QStackedWidget>("pages")->currentWidget();
      QCOMPARE(find<QStackedWidget>("pages")->currentIndex(), page);
      find<StepButton>("step0")->setFocus();
      QList<QWidget*> walk;
      for (int i = 0; i < 200; ++i) {
        QTest::keyClick(window_->focusWidget(), Qt::Key_Tab);
        QWidget* at = window_->focusWidget();
        if (at == find<StepButton>("step0")) break;
        if (shown->isAncestorOf(at) && (walk.isEmpty() || walk.back() != at)) walk << at;
      }
      for (auto* button : shown->findChildren<QPushButton*>())
        if (button->isVisible() && button->isEnabled() && (button->focusPolicy() & Qt::TabFocus))
          QVERIFY2(walk.contains(button), qPrintable(QString("page %1: %2").arg(page).arg(button->text())));
      for (int i = 1; i < walk.size(); ++i) {
        if (card_of(walk[i]) != card_of(walk[i - 1])) continue;
        const auto top = [](QWidget* w) { return w->mapToGlobal(QPoint()).y(); };
        QVERIFY2(top(walk[i]) + walk[i]->height() > top(walk[i - 1]),
                 qPrintable(QString("page %1: %2 comes after %3, which is below it")
                                .arg(page)
                                .arg(walk[i]->objectName(), walk[i - 1]->objectName())));
      }
    }
    window_->show_page(MainWindow::model);
  }

  void zooming_enlarges_the_text() {
    window_->activateWindow(); // keys go to the active window: questions were open in between
    QVERIFY(QTest::qWaitForWindowActive(window_.get()));
    auto* facts = find<QLabel>("modelFacts");
    const int before = facts->fontInfo().pixelSize();
    const auto zoom = [this](Qt::Key key) { QTest::keyClick(window_.get(), key, Qt::ControlModifier); };
    zoom(Qt::Key_Plus);
    zoom(Qt::Key_Plus);
    QTRY_COMPARE(facts->fontInfo().pixelSize(), before + 2);
    for (int i = 0; i < 4; ++i) zoom(Qt::Key_Plus);
    QTRY_COMPARE(facts->fontInfo().pixelSize(), before + 6);
    window_->show_page(MainWindow::allocation);
    QTest::qWait(50);                                               // laid out
    for (const auto* step : window_->findChildren<StepButton*>()) { // no name of a step is cut off
      QFont chosen = step->font();
      chosen.setBold(true);
      QVERIFY2(QFontMetrics(chosen).horizontalAdvance(step->text()) <= step->width(),
               qPrintable(step->text()));
    }
    const auto* field = find<QLineEdit>("memoryField");
    QVERIFY(field->fontMetrics().horizontalAdvance("1023.99 MiB") + 2 * 10 <= field->width());
    window_->show_page(MainWindow::model);
    for (int i = 0; i < 6; ++i) zoom(Qt::Key_Minus);
    QTRY_COMPARE(facts->fontInfo().pixelSize(), before);
  }
};

QTEST_MAIN(TestMainJob)
#include "test_main_job.moc"
