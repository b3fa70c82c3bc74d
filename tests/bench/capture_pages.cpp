// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every page of the studio as PNG, light and dark, in each state that a first session goes through.
//   capture_pages FOLDER [GGUF SENSITIVITY [8B FOLDER [MOE CONFIG]]]
// GGUF: a model whose sensitivities are in SENSITIVITY; the 8B folder as for bench_ui; MOE CONFIG: the
// config.json of a mixture of experts. Sizes: 1024 x 640 and 1440 x 900; under QT_SCALE_FACTOR=2 1280 x 800,
// which is 2560 x 1600 pixels. INTARSIA_STATES=welcome,help limits what is saved to states whose name begins
// with one of these, and INTARSIA_PARTS=built-in,gguf,8b,moe limits what is walked through at all.
#include <QApplication>
#include <QCheckBox>
#include <QEventLoop>
#include <QFile>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QToolButton>
#include <cstdio>
#include <functional>

#include "ui/allocation/heatmap_view.h"
#include "ui/device/device_popup.h"
#include "ui/session/file_path.h"
#include "ui/theme/theme.h"
#include "ui/window/help_window.h"
#include "ui/window/main_window.h"

using namespace intarsia;
using namespace intarsia::ui;

namespace {

void use_palette(bool dark) {
  QPalette palette;
  if (dark) {
    for (const auto role : {QPalette::Window, QPalette::AlternateBase})
      palette.setColor(role, QColor("#17181C"));
    for (const auto role : {QPalette::Base, QPalette::Button}) palette.setColor(role, QColor("#202227"));
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
      palette.setColor(role, QColor("#ECEDF1"));
  }
  QApplication::setPalette(palette);
  qApp->setStyleSheet(Theme::of(QApplication::palette()).style_sheet());
}

void wait_for(const char* what, const std::function<bool()>& done) {
  if (!QTest::qWaitFor(done, 600000)) qFatal("waited ten minutes for %s", what);
}

class Capture {
 public:
  Capture(StudioSession& session, MainWindow& window, const QString& folder)
      : session_(session)
      , window_(window)
      , folder_(folder)
      , only_(qEnvironmentVariable("INTARSIA_STATES").split(',', Qt::SkipEmptyParts)) {
    sizes_ = qEnvironmentVariable("QT_SCALE_FACTOR") == "2" ? QList<QSize>{{1280, 800}}
                                                            : QList<QSize>{{1024, 640}, {1440, 900}};
  }

  // `beside`: a window of its own, saved instead of the main window.
  void save(const QString& state, QWidget* beside = nullptr) {
    if (!only_.isEmpty() &&
        std::none_of(only_.begin(), only_.end(), [&](const QString& name) { return state.startsWith(name); }))
      return;
    for (const QSize size : beside ? sizes_.mid(0, 1) : sizes_)
      for (const bool dark : {false, true}) {
        window_.resize(size);
        use_palette(dark);
        QTest::qWait(1000); // laid out, and the heatmap's cells have changed their colours
        const QPixmap picture = (beside ? beside : &window_)->grab();
        const QString pixels = beside ? QString() : QString("-%1").arg(picture.width());
        picture.save(folder_ + "/" + state + pixels + (dark ? "-dark.png" : "-light.png"));
      }
    std::printf("%s\n", qPrintable(state));
    std::fflush(stdout);
  }

  void first_steps() {
    wait_for("devices", [&] { return !session_.devices().list().devices.empty(); });
    save("welcome");
    window_.show_help("studio");
    save("help", window_.findChild<HelpWindow*>());
    window_.findChild<HelpWindow*>()->close();
    window_.findChild<QToolButton*>("device")->click();
    save("device", window_.findChild<DevicePopup*>());
    window_.findChild<DevicePopup*>()->close();
    window_.show_page(MainWindow::allocation);
    save("allocation-empty");
    window_.show_page(MainWindow::quantize);
    save("quantize-empty");
    window_.show_page(MainWindow::chat);
    save("chat-none");
    session_.models().open("/nowhere/at/all");
    QTest::qWait(500);
    window_.show_page(MainWindow::model);
    save("welcome-error");
  }

  void plan_ready(const char* what) {
    wait_for(what, [&] {
      const SolverAnswer& answer = session_.planner().answer();
      return answer.plan && answer.more_memory;
    });
  }

  void built_in_model() {
    window_.open_built_in();
    plan_ready("the built-in model's plan");
    save("allocation-built-in");
    for (auto* chip : window_.findChildren<QPushButton*>("chip"))
      if (chip->isVisible() && chip->isCheckable() && chip->isChecked() && chip->text() == "TCQ")
        chip->click();
    window_.findChild<HeatmapView*>("heatmap")->setFocus();
    session_.planner().pin({"model.layers.1.self_attn.k_proj"}, parse_quantizer_id("nuq-8"));
    plan_ready("a pinned plan");
    save("allocation-pinned");
    session_.planner().undo_stack().undo();
    window_.show_page(MainWindow::model);
    save("model-built-in");
    session_.planner().set_memory(MemoryBytes{1 << 20});
    window_.show_page(MainWindow::allocation);
    wait_for("a problem", [&] { return !session_.planner().answer().problem.isEmpty(); });
    save("allocation-infeasible");
    session_.planner().use_nearest_memory();
    session_.planner().set_memory(BitsPerWeight{3.25});
    plan_ready("the plan at 3.25 bits");
  }

  void quantize_built_in(const QString& out) {
    window_.show_page(MainWindow::quantize);
    auto* output = window_.findChild<QLineEdit*>("output");
    output->setText(out);
    save("quantize-ready");
    session_.quantization().quantize(*session_.planner().plan(), out);
    wait_for("layers", [&] { return session_.quantization().run().layers.size() > 2; });
    save("quantize-running");
    session_.quantization().cancel();
    wait_for("the cancellation", [&] { return !session_.quantization().running(); });
    save("quantize-resume");
    session_.quantization().quantize(*session_.planner().plan(), out);
    wait_for("the artifact", [&] { return !session_.quantization().running(); });
    wait_for("its quality", [&] { return session_.quantization().quality().has_value(); });
    save("quantize-done");
    session_.planner().set_memory(BitsPerWeight{5});
    plan_ready("another plan");
    save("quantize-stale");
  }

  void ask(const QString& question, int tokens, const char* state = nullptr) {
    session_.chat().send(question, {{}, {}, tokens});
    if (state) {
      wait_for("words", [&] { return session_.chat().turns().back().answer().text.size() > 20; });
      save(state);
    }
    wait_for("an answer", [&] { return !session_.chat().answering(); });
  }

  void chat_built_in() {
    window_.show_page(MainWindow::chat);
    window_.findChild<QPlainTextEdit*>("prompt")->setFocus();
    save("chat-empty");
    ask("What is walnut good for?", 100);
    session_.chat().choose_speaker(Speaker::original);
    ask("Is ebony a hard wood?", 100);
    save("chat-both");
    window_.findChild<QSpinBox*>("serverPort")->setValue(0);
    window_.findChild<QCheckBox*>("serve")->click();
    wait_for("the server", [&] { return session_.server().on(); });
    save("server-on");
    window_.findChild<QCheckBox*>("serve")->click();
    wait_for("the server's end", [&] { return !session_.server().changing(); });
    session_.chat().clear();
  }

  void open(const QString& path) {
    window_.open(path);
    wait_for("the model", [&] { return session_.models().path() == path; });
    window_.show_page(MainWindow::allocation);
    plan_ready("its plan");
  }

  void opened_artifact(const QString& path) {
    window_.open(path);
    wait_for("the artifact", [&] { return session_.models().path() == path; });
    save("artifact-chat");
    window_.show_page(MainWindow::allocation);
    save("artifact-allocation");
    window_.show_page(MainWindow::quantize);
    save("artifact-quantize");
    window_.show_page(MainWindow::model);
    save("artifact-model");
  }

  void gguf(const QString& path, const QString& sensitivity) {
    open(path);
    save("allocation-gguf-provisional");
    session_.sensitivities().import_file(sensitivity);
    plan_ready("the plan of imported sensitivities");
    save("allocation-gguf");
    window_.show_page(MainWindow::model);
    save("model-gguf");
    window_.show_page(MainWindow::quantize);
    save("quantize-gguf");
    window_.show_page(MainWindow::chat);
    ask("Write a Python function that says whether a number is prime.", 220, "chat-answering");
    save("chat-code");
    session_.chat().clear();
  }

  void bare_8b(const QString& folder) {
    open(folder + "/config.json");
    save("allocation-8b-provisional");
    window_.show_page(MainWindow::model);
    save("model-8b");
    window_.show_page(MainWindow::allocation);
    session_.sensitivities().import_file(folder + "/sensitivity.json");
    session_.latency().import_table(folder + "/latency-rtx4090.json");
    wait_for("the latency range", [&] { return session_.planner().answer().latency_range.has_value(); });
    session_.planner().set_latency(0.005);
    wait_for("both budgets", [&] {
      return session_.planner().answer().more_time && session_.planner().answer().request.latency_seconds;
    });
    save("allocation-8b");
    session_.planner().set_latency(0.001);
    wait_for("a problem", [&] { return !session_.planner().answer().problem.isEmpty(); });
    save("allocation-8b-infeasible");
    session_.planner().set_latency({});
    window_.show_page(MainWindow::quantize);
    save("quantize-8b");
  }

  void mixture(const QString& config) {
    open(config);
    save("allocation-moe");
    window_.show_page(MainWindow::model);
    save("model-moe");
  }

 private:
  StudioSession& session_;
  MainWindow& window_;
  QString folder_;
  QStringList only_;
  QList<QSize> sizes_;
};

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "capture_pages FOLDER [GGUF SENSITIVITY [8B FOLDER [MOE CONFIG]]]\n");
    return 2;
  }
  if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  QTemporaryDir dir;
  QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir.path());
  qputenv("XDG_CACHE_HOME", dir.path().toUtf8());
  use_palette(false);
  StudioSession session;
  MainWindow window(session);
  window.show();
  const auto given = [&](int at) { return at < argc ? QFile::decodeName(argv[at]) : QString(); };
  Capture capture(session, window, given(1));
  capture.first_steps();
  const QStringList parts = qEnvironmentVariable("INTARSIA_PARTS", "built-in,gguf,8b,moe").split(',');
  if (parts.contains("built-in")) {
    capture.built_in_model();
    capture.quantize_built_in(dir.filePath("quantized"));
    capture.chat_built_in();
    capture.opened_artifact(dir.filePath("quantized"));
  }
  if (argc > 3 && parts.contains("gguf")) capture.gguf(given(2), given(3));
  if (argc > 4 && parts.contains("8b")) capture.bare_8b(given(4));
  if (argc > 5 && parts.contains("moe")) capture.mixture(given(5));
  return 0;
}
