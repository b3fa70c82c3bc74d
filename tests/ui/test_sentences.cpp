// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every sentence that the studio can show is brought up by a test. The first test reads the sources of ui/
// and fails for a sentence that no test of this folder names; the others bring up what the longer stories of
// the other programs do not come by.
#include <QComboBox>
#include <QDirIterator>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QSettings>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "tests/support/paths.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"
#include "tests/ui/window_under_test.h"
#include "ui/allocation/plan_text.h"
#include "ui/budget/budget_text.h"
#include "ui/quantize/calibration_control.h"
#include "ui/quantize/quantize_text.h"
#include "ui/session/file_path.h"

using namespace intarsia;
using namespace intarsia::ui;
using intarsia::test::timeout;

namespace {

// String literals that follow each other are one.
QString joined(QString source) {
  static const QRegularExpression seam(QStringLiteral("\"\\s*\\n\\s*\""));
  return source.remove(seam);
}

QString text_of(const QString& folder, const QString& filter, const QString& but = {}) {
  QString all;
  QDirIterator files(folder, {filter}, QDir::Files, QDirIterator::Subdirectories);
  while (files.hasNext()) {
    const QString name = files.next();
    if (!but.isEmpty() && name.endsWith(but)) continue;
    all += joined(QString::fromStdString(read_text_file(to_path(name)))) + QLatin1Char('\n');
  }
  return all;
}

// What tr() is given that ends as a sentence does.
QStringList sentences(const QString& source) {
  static const QRegularExpression call(QStringLiteral("\\btr\\(\\s*\"((?:[^\"\\\\]|\\\\.)*)\""));
  QStringList found;
  for (auto match = call.globalMatch(source); match.hasNext();) {
    const QString text = match.next().captured(1);
    if (text.endsWith(QLatin1Char('.')) && text.contains(QLatin1Char(' '))) found << text;
  }
  found.removeDuplicates();
  return found;
}

// A test names a sentence by at least this much of it, between what is filled in.
bool named(const QString& sentence, const QString& tests) {
  constexpr qsizetype enough = 16;
  static const QRegularExpression filled(QStringLiteral("%[0-9]|\\\\n"));
  for (const QString& piece : sentence.split(filled)) {
    const QString words = piece.trimmed();
    for (qsizetype at = 0; at + std::min(enough, words.size()) <= words.size() && words.size() >= 6; ++at)
      if (tests.contains(words.mid(at, enough))) return true;
  }
  return false;
}

// A model whose file holds what was quantized before.
class LossyCheckpoint : public Checkpoint {
 public:
  explicit LossyCheckpoint(std::unique_ptr<Checkpoint> like)
      : like_(std::move(like))
      , tensors_(like_->tensors()) {
    for (TensorInfo& tensor : tensors_) {
      tensor.dtype = DType::q4_1;
      tensor.bytes = tensor.elements() * 5 / 8;
    }
  }
  const ModelConfig& config() const override { return like_->config(); }
  const LayerGraph& graph() const override { return like_->graph(); }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  void read_rows(std::string_view name, std::size_t first, std::size_t count,
                 std::span<float> out) const override {
    like_->read_rows(name, first, count, out);
  }
  std::optional<TokenizerSpec> tokenizer() const override { return std::nullopt; }
  const std::filesystem::path& path() const override { return like_->path(); }
  std::string kind() const override { return "GGUF v3"; }

 private:
  std::unique_ptr<Checkpoint> like_;
  std::vector<TensorInfo> tensors_;
};

} // namespace

class TestSentences : public QObject, private test::WindowUnderTest {
  Q_OBJECT

  QTemporaryDir dir_;
  QString tiny_;

  QString status() { return find<QLabel>("quantizeStatus")->text(); }
  QString calibration_help() { return find<QLabel>("calibrationHelp")->text(); }
  void open(const QString& path) {
    window_->open(path);
    QTRY_COMPARE_WITH_TIMEOUT(session_->models().path(), path, timeout);
  }

 private slots:
  void initTestCase() {
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir_.path());
    QApplication::setOrganizationName("IntarsiaTest");
    tiny_ = dir_.filePath("tiny");
    test::TinyModel model;
    model.vocabulary = 300;
    model.max_positions = 512;
    test::write_tiny_model(to_path(tiny_), model);
    test::write_tiny_tokenizer(to_path(tiny_), model.vocabulary);
    QVERIFY(QDir().mkpath(dir_.filePath("bare")));
    QVERIFY(QFile::copy(tiny_ + "/config.json", dir_.filePath("bare/config.json")));
    QVERIFY(open_window({1280, 820}));
  }

  void every_sentence_is_named_by_a_test() {
    const QString tests = QStringLiteral(INTARSIA_TESTS_DIR) + "/ui";
    const QStringList all = sentences(text_of(QStringLiteral(INTARSIA_TESTS_DIR) + "/../ui", "*.cpp"));
    const QString named_there = text_of(tests, "*.cpp");
    QVERIFY2(all.size() > 40, "the sources were not found");
    QVERIFY(!named(QString(40, 'q') + '.', named_there));
    QStringList missing;
    for (const QString& sentence : all)
      if (!named(sentence, named_there)) missing << sentence;
    QVERIFY2(missing.isEmpty(), qPrintable("no test brings up:\n" + missing.join('\n')));
  }

  void before_a_model_is_open() {
    QVERIFY(shows("Open a model, say how much memory it may take, and Intarsia chooses a quantizer"));
    QVERIFY(shows("Ctrl+O opens a folder, Ctrl+Shift+O a file; or drop one here."));
    QCOMPARE(empty_text(*session_), QString("Open a model to begin."));
    window_->show_page(MainWindow::allocation);
    QVERIFY(shows("Click a cell, or move with the arrow keys."));
    window_->show_page(MainWindow::quantize);
    QVERIFY(shows("Open a model first."));
    QVERIFY(shows("After quantizing: size, distortion and perplexity, predicted and measured."));
    window_->show_page(MainWindow::chat);
    QVERIFY(shows("Open a model to chat with it."));
    QVERIFY(find<QPlainTextEdit>("prompt")->placeholderText().startsWith("Ask something. Enter sends"));
  }

  void a_config_without_weights_is_planned_for_only() {
    open(dir_.filePath("bare/config.json"));
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr, timeout);
    QVERIFY(shows("Provisional plan, by role and depth alone."));
    QVERIFY(shows("No times are known yet."));
    window_->show_page(MainWindow::model);
    QVERIFY(shows("A config.json alone has no tensors."));
    window_->show_page(MainWindow::quantize);
    QVERIFY(shows("There are no weights here to quantize: this is a bare config.json."));
    QVERIFY(shows("It is provisional: the sensitivities are by role and depth alone."));
    QVERIFY(!shows("are being measured"));
    QCOMPARE(find<QLineEdit>("output")->text(), QString());
    window_->show_page(MainWindow::chat);
    QVERIFY(shows("This model has no weights to answer with. Open one that has, to chat."));
  }

  void while_it_is_measured() {
    session_->sensitivities().set_options({16, 16, 1});
    open(tiny_);
    QTRY_VERIFY_WITH_TIMEOUT(session_->sensitivities().kind() == SensitivityKind::measured, timeout);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr, timeout);
    QVERIFY(sensitivity_text(session_->sensitivities()).isEmpty()); // it is known
    session_->sensitivities().set_options({1 << 20, 64, 1});
    QVERIFY(QFile::rename(tiny_, dir_.filePath("again"))); // another path: measured anew
    for (const auto& entry : std::filesystem::directory_iterator(to_path(dir_.filePath("again"))))
      if (entry.path().filename().string().starts_with("intarsia-")) std::filesystem::remove(entry.path());
    tiny_ = dir_.filePath("again");
    open(tiny_);
    QTRY_VERIFY_WITH_TIMEOUT(shows("Measuring sensitivities: "), timeout);
    QTest::mouseClick(find<QPushButton>("cancelSensitivity"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(shows("Measuring was cancelled."), timeout);
    QVERIFY(find<QPushButton>("measureSensitivity")->isVisible());
    window_->show_page(MainWindow::quantize);
    QVERIFY(shows("With measured sensitivities it would be better."));
    QVERIFY(!shows("the sensitivities are being measured"));
  }

  void the_first_texts_make_a_plan_of_their_own() {
    session_->sensitivities().set_options({4096, 32, 1});
    QTest::mouseClick(find<QPushButton>("measureSensitivity"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(session_->sensitivities().kind() == SensitivityKind::partial, timeout);
    QVERIFY(shows("Plan of the first 256 texts."));
    window_->show_page(MainWindow::quantize);
    QVERIFY(shows("It still gets better: the sensitivities are being measured."));
    QTest::mouseClick(find<QPushButton>("goodEnough"), Qt::LeftButton);
    QVERIFY(session_->sensitivities().kind() == SensitivityKind::measured);
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr, timeout);
  }

  void what_calibration_costs() {
    auto* control = window_->findChild<CalibrationControl*>();
    session_->quantization().set_calibration({CalibrateOn::none, {}, 512});
    QCOMPARE(calibration_help(), QString("The quickest, and it loses more: most of all below 4 bits."));
    QVERIFY(shows("Predicted loss without calibration: "));
    control->choose_file("/somewhere/text.txt");
    QVERIFY(calibration_help().contains("Best when it resembles what the model will be used for."));
    QCOMPARE(find<QComboBox>("calibration")->currentText(), QString("The text text.txt…"));
    control->choose_file({}); // the dialog was closed
    QVERIFY(session_->quantization().calibration().text == CalibrateOn::file);
    auto* choice = find<QComboBox>("calibration");
    choice->setFocus();
    QTest::keyClick(choice, Qt::Key_Up);
    QVERIFY(session_->quantization().calibration().text == CalibrateOn::own);
    const QString to_be_written = calibration_help();
    QVERIFY(to_be_written.startsWith("The model writes it, once. About "));
    session_->sensitivities().set_own_text_cached();
    control->choose_file("/somewhere/text.txt");
    session_->quantization().set_calibration({CalibrateOn::own, {}, 512});
    const QString written = calibration_help();
    QVERIFY(written.startsWith("The model has written it already. About "));
    const auto times = [](const QString& help) {
      return QRegularExpression("[0-9]+([.][0-9]+)?").match(help).captured().toDouble();
    };
    QVERIFY(times(written) < times(to_be_written));
  }

  void where_the_artifact_cannot_go() {
    auto* output = find<QLineEdit>("output");
    output->setText(dir_.path());
    QCOMPARE(status(), QString("This folder exists already; choose another name."));
    output->setText({});
    QCOMPARE(status(), QString("Name the folder to make."));
    const QString foreign = dir_.filePath("foreign");
    QVERIFY(QDir().mkpath(foreign + ".partial"));
    test::write_file(to_path(foreign + ".partial/plan.json"), "{}");
    output->setText(foreign);
    QVERIFY(status().startsWith("What is left of an interrupted quantization here belongs to another model"));
    session_->quantization().resume(foreign);
    QVERIFY(shows("what is left there belongs to another model or another version"));
  }

  void while_and_after_it_is_quantized() {
    QSignalSpy plans(&session_->planner(), &Planner::plan_changed);
    while (plans.wait(1000)) {
    } // a plan that came later would name another folder
    auto* output = find<QLineEdit>("output");
    output->setText(dir_.filePath("made"));
    QStringList stages;
    bool in_work = false;
    const auto watch = connect(&session_->quantization(), &Quantization::changed, this, [&] {
      stages << status().section('\n', 0, 0);
      in_work = in_work || shows("Plan in work: ");
    });
    QTest::mouseClick(find<QPushButton>("startQuantize"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(session_->quantization().job().state, JobState::done, timeout);
    disconnect(watch);
    QVERIFY(in_work);
    QVERIFY2(stages.contains("Starting…"), qPrintable(stages.join('\n')));
    QVERIFY2(status().startsWith("Done: ") && status().contains("Change the budgets to make another"),
             qPrintable(status()));
    // There is no held-out text with it: it is measured on what the original writes.
    QTRY_VERIFY_WITH_TIMEOUT(session_->quantization().quality().has_value(), timeout);
    QVERIFY(session_->quantization().quality()->kl > 0);
    QVERIFY(shows("tokens the original wrote"));
    QVERIFY(shows("KL divergence, measured"));
    QVERIFY(shows("Calibrated weights deviate more, so that what the layers compute deviates less."));
  }

  void what_would_be_lost() {
    session_->chat().send("Hello", {{}, {}, 400});
    QCOMPARE(session_->unfinished_work(),
             QString("An answer is being given. What was said so far is not kept."));
    session_->chat().stop();
    QTRY_VERIFY_WITH_TIMEOUT(!session_->chat().answering(), timeout);
    QCOMPARE(session_->unfinished_work(),
             QString("The conversation is not kept. Copy it first if you need it."));
    session_->chat().clear();
    QVERIFY(session_->unfinished_work().isEmpty());
  }

  void questions_to_begin_with() {
    window_->show_page(MainWindow::chat);
    QStringList questions;
    for (const auto* starter : window_->findChildren<QPushButton*>("starter")) questions << starter->text();
    QVERIFY(questions.contains("Explain in three sentences why the sky is blue."));
    QVERIFY(questions.contains("Write a short poem about the sea."));
  }

  void no_plan_meets_the_budgets() {
    window_->show_page(MainWindow::allocation);
    type("memoryField", "1 KiB");
    QTRY_VERIFY_WITH_TIMEOUT(!session_->planner().plan(), timeout);
    QCOMPARE(empty_text(*session_), QString("No plan meets the budgets."));
    type("memoryField", "a great deal");
    QVERIFY(shows("is not a memory budget: write 6.2 GiB, 3.25 bpw or 40 %."));
    type("memoryField", "4 bpw");
    QVERIFY(!shows("is not a memory budget"));
    type("context", "many");
    QVERIFY(shows("Write a number of tokens, such as 8192."));
    type("memoryField", "4 bpw");
    QTRY_VERIFY_WITH_TIMEOUT(session_->planner().plan() != nullptr, timeout);
  }

  void a_quantized_model_is_looked_at() {
    window_->open(dir_.filePath("made"));
    QTRY_VERIFY_WITH_TIMEOUT(session_->models().is_artifact(), timeout);
    QVERIFY(shows("A quantized model: its plan is shown, and it can be chatted with."));
  }

  void a_lossy_source_is_warned_of() {
    OpenedModel lossy;
    lossy.checkpoint = std::make_unique<LossyCheckpoint>(open_checkpoint(to_path(tiny_)));
    const Plan plan = test::mixed_plan(lossy.graph());
    const QString warning = source_warning(lossy, plan);
    QVERIFY2(warning.contains("so it was quantized before: what that lost stays lost"), qPrintable(warning));
    QVERIFY2(warning.contains("The result will be larger than the source"), qPrintable(warning));
  }

  void what_families_are() {
    const auto help_of = [this](const QString& name) {
      for (const auto* chip : window_->findChildren<QPushButton*>("chip"))
        if (chip->text() == name) return chip->toolTip();
      return QString();
    };
    QVERIFY(help_of("NUQ").startsWith("Scalar quantizers: each weight is one of a few values."));
    QVERIFY(help_of("VQ").startsWith("Vector quantizers: two weights share a code."));
    QVERIFY(help_of("TCQ").startsWith("Trellis-coded quantizers: the least distortion for their bits"));
    QVERIFY(help_of("HALF-TCQ").startsWith("Half trellis codes: rates between two trellis codes"));
    QVERIFY(help_of("F16").startsWith("16-bit floats: layers may stay as they are."));
  }

  void until_the_first_plan_is_there() {
    StudioSession session;
    const auto opened = std::make_shared<const OpenedModel>(open_model(to_path(tiny_)));
    session.planner().set_model(opened->config(), opened->graph());
    QCOMPARE(empty_text(session), QString("There is nothing to plan with."));
    session.sensitivities().set_model(opened);
    session.planner().set_model(opened->config(), opened->graph());
    QCOMPARE(empty_text(session), QString("The first plan is being made."));
    session.models().open(tiny_);
    QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, timeout);
    session.planner().set_model(opened->config(), opened->graph());
    QCOMPARE(reason_not_to_quantize(session), QString("The plan is being made."));
  }

  void more_that_buys_nothing() {
    SolverAnswer answer;
    answer.plan.emplace();
    answer.plan->predicted.loss = 1;
    answer.plan->predicted.memory_bytes = 100;
    answer.memory_range = {50, 200};
    answer.more_memory = {1 << 20, 1};
    QVERIFY(memory_price(answer).endsWith(" more would change nothing."));
  }
};

QTEST_MAIN(TestSentences)
#include "test_sentences.moc"
