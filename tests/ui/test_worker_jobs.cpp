// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The whole way through a worker, with the CPU in it: quantize, measure, chat, and a worker that is killed in
// the middle of an answer.
#include <QDirIterator>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTextBrowser>
#include <csignal>

#include "core/base/mapped_file.h"
#include "tests/support/paths.h"
#include "tests/support/test_support.h"
#include "tests/ui/window_under_test.h"
#include "ui/widgets/sentence.h"

using namespace intarsia;
using namespace intarsia::ui;
using intarsia::test::timeout;

namespace {

// The workers of this program, by what /proc says of every process.
std::vector<pid_t> workers() {
  std::vector<pid_t> found;
  for (const QString& name : QDir("/proc").entryList(QDir::Dirs)) {
    QFile file("/proc/" + name + "/stat");
    if (name.toInt() <= 0 || !file.open(QIODevice::ReadOnly)) continue;
    const QByteArray text = file.readAll();
    const QList<QByteArray> after_name = text.mid(text.lastIndexOf(')') + 2).split(' '); // state, parent …
    if (text.contains("(intarsia-worker)") && after_name[0] != "Z" && after_name[1].toInt() == ::getpid())
      found.push_back(name.toInt());
  }
  return found;
}

} // namespace

class TestWorkerJobs : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  // Enough to tell that the same comes of both ways.
  const SensitivityOptions few_texts{32, 64, 1};
  const Calibration short_text{CalibrateOn::own, {}, 1024};

  Plan plan_;         // that `quantized` was made by
  int estimates_ = 0; // on the way to the sensitivities

  QTemporaryDir dir_;

  void ask(const QString& question) {
    auto* prompt = find<QPlainTextEdit>("prompt");
    prompt->setFocus();
    prompt->setPlainText(question);
    QTest::keyClick(prompt, Qt::Key_Return);
    QVERIFY(!session_->chat().turns().empty());
  }
  const ChatAnswer& last() { return session_->chat().turns().back().answer(); }
  // The worker dies with its next line that holds `text`, and what it would have said after that is lost.
  void kill_worker_at(const char* text) { test::write_file(cache_.filePath("kill-at").toStdString(), text); }
  QDoubleSpinBox* temperature() {
    for (auto* box : window_->findChildren<QDoubleSpinBox*>())
      if (box->accessibleName() == "Temperature") return box;
    return nullptr;
  }

 private slots:
  void initTestCase() {
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir_.path());
    QApplication::setOrganizationName("IntarsiaTest");
    qputenv("INTARSIA_WORKER", KILLED_WORKER);
    qputenv("INTARSIA_REAL_WORKER", INTARSIA_WORKER);
    qputenv("INTARSIA_KILL_AT", cache_.filePath("kill-at").toUtf8());
    qputenv("INTARSIA_CPU_IN_WORKER", "1");
    QVERIFY(open_window({1280, 820}));
    session_->planner().set_family(QuantizerFamily::tcq, false); // the quick ones are enough here
    session_->planner().set_family(QuantizerFamily::vq, false);
    session_->planner().set_family(QuantizerFamily::half_tcq, false);
    session_->sensitivities().set_options(few_texts);
    session_->quantization().set_calibration(short_text);
    connect(&session_->sensitivities(), &Sensitivities::changed, this,
            [this] { estimates_ += session_->sensitivities().kind() == SensitivityKind::partial; });
    session_->models().open(unmeasured_model());
    QTRY_VERIFY_WITH_TIMEOUT(session_->sensitivities().kind() == SensitivityKind::measured, timeout);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() && session_->planner().answer().more_memory, timeout);
  }
  void cleanupTestCase() {
    window_.reset();
    session_.reset();
    QVERIFY(workers().empty()); // none is left behind
  }

  void sensitivities_are_those_of_this_process() {
    QCOMPARE(workers().size(), std::size_t(1));
    QVERIFY(estimates_ >= 1); // they came while it was measured
    const OpenedModel& opened = *session_->model();
    const auto model = load_on_cpu(opened.weights(), cpu_options(opened), {});
    // Of as many texts as were enough for the plan to stand still.
    SensitivityOptions options = few_texts;
    options.samples = session_->sensitivities().value()->samples;
    QVERIFY(options.samples <= few_texts.samples);
    const auto here = estimate_sensitivity(*model, opened.weights(), opened.config().name, {}, options, {});
    QVERIFY(here.layers == session_->sensitivities().value()->layers);
  }

  void quantizing_writes_what_this_process_would() {
    window_->show_page(MainWindow::quantize);
    const QString out = dir_.filePath("quantized");
    find<QLineEdit>("output")->setText(out);
    QTest::mouseClick(find<QPushButton>("startQuantize"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().job().state, JobState::done, timeout);
    QCOMPARE(workers().size(), std::size_t(1));
    QCOMPARE(session_->quantization().run().layers.size(), session_->planner().plan()->layers.size());
    const auto here = dir_.filePath("here").toStdString();
    QuantizeOptions options;
    options.calibration = calibration_choice(short_text, nullptr); // as the studio does
    plan_ = *session_->quantization().run().plan;                  // the planner's may have got better since
    quantize_model(*session_->model()->checkpoint, plan_, here, options, {});
    QVERIFY(read_text_file(here + "/model.safetensors") ==
            read_text_file((out + "/model.safetensors").toStdString()));
    QTRY_VERIFY_WITH_TIMEOUT(session_->quantization().quality().has_value(), timeout);
    const Quality& quality = *session_->quantization().quality();
    QVERIFY2(quality.no_original.isEmpty(), qPrintable(quality.no_original));
    QVERIFY(quality.original_perplexity > 1 && quality.kl > 0);
    QVERIFY(quality.quantized_perplexity < 1.2 * quality.original_perplexity);
  }

  void a_killed_quantization_is_a_sentence_and_can_be_resumed() {
    const QString out = dir_.filePath("killed");
    find<QLineEdit>("output")->setText(out);
    kill_worker_at("\"layer\":");
    session_->quantization().quantize(plan_, out);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().job().state, JobState::failed, timeout);
    QVERIFY2(session_->quantization().job().sentence.contains("killed (SIGKILL)"),
             qPrintable(session_->quantization().job().sentence));
    bool in_place = false;
    for (const auto* label : find<QLineEdit>("output")->parentWidget()->findChildren<QLabel*>())
      in_place = in_place || (label->isVisible() &&
                              label->text() == as_sentence(session_->quantization().job().sentence));
    QVERIFY(in_place);
    QVERIFY(!QFileInfo::exists(out));
    QTest::mouseClick(find<QPushButton>("resumeQuantize"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().job().state, JobState::done, timeout);
    QVERIFY(read_text_file((out + "/model.safetensors").toStdString()) ==
            read_text_file(dir_.filePath("quantized/model.safetensors").toStdString()));
    QTRY_VERIFY_WITH_TIMEOUT(session_->quantization().quality().has_value(), timeout);
  }

  void the_worker_answers() {
    QTest::mouseClick(find<QPushButton>("chatWithIt"), Qt::LeftButton);
    temperature()->setValue(0); // the likeliest words, on every machine
    QSignalSpy pieces(&session_->chat(), &Chat::text);
    ask("What is walnut good for?");
    QTRY_VERIFY_WITH_TIMEOUT(last().finished, timeout);
    QVERIFY2(last().problem.isEmpty(), qPrintable(last().problem));
    QVERIFY(pieces.count() > 3);
    QVERIFY(last().text.contains("alnut") || last().text.contains("trunks"));
    QCOMPARE(workers().size(), std::size_t(1));
  }

  void a_killed_worker_is_a_sentence_and_the_next_message_works() {
    session_->chat().clear();
    ask("What is walnut good for?");
    QTRY_VERIFY_WITH_TIMEOUT(last().answered, timeout);
    const std::size_t context_of_one = last().context_used;

    kill_worker_at("\"token\":");
    ask("Tell me everything about ebony, oak and pine.");
    QTRY_VERIFY_WITH_TIMEOUT(last().finished, timeout);
    QVERIFY2(last().problem.contains("killed (SIGKILL)") && last().problem.contains("try again"),
             qPrintable(last().problem));
    QVERIFY(!last().problem.contains('\n'));
    bool in_place = false;
    for (const auto* label : window_->findChildren<QLabel*>("error"))
      in_place = in_place || (label->isVisible() && label->text() == as_sentence(last().problem));
    QVERIFY(in_place);
    screenshot("7-killed");

    ask("Is ebony a hard wood?");
    QTRY_VERIFY_WITH_TIMEOUT(last().finished, timeout);
    QVERIFY2(last().problem.isEmpty(), qPrintable(last().problem));
    QVERIFY(!last().text.isEmpty());
    QVERIFY(last().context_used > context_of_one); // it still knows what was said first
    QCOMPARE(workers().size(), std::size_t(1));
  }

  void no_worker_program_is_a_sentence_in_place() {
    qputenv("INTARSIA_WORKER", "/nowhere/worker");
    StudioSession session; // a place is looked for once in a session
    session.models().open_built_in();
    QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, timeout);
    session.chat().send("Hello", {{}, {}, 8});
    QTRY_VERIFY_WITH_TIMEOUT(
        !session.chat().turns().empty() && session.chat().turns().back().answer().finished, timeout);
    QVERIFY(session.chat().turns().back().answer().problem.contains("/nowhere/worker"));
    QVERIFY(!session.chat().answering());
    qputenv("INTARSIA_WORKER", KILLED_WORKER);
  }
};

QTEST_MAIN(TestWorkerJobs)
#include "test_worker_jobs.moc"
